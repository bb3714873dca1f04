//! Strings that name addresses, against a reading of them byte by byte: bad ones are errors that show the form, and none is a panic.

#[path = "../../tests/cases/mod.rs"]
mod cases;
#[path = "oracles/names.rs"]
mod names;

use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string()),
        any::<u128>().prop_map(|bits| format!("[{}]", Ipv6Addr::from(bits))),
        any::<(u16, u32)>().prop_map(|(end, scope)| format!("[fe80::{end:x}%{scope}]")),
        "[a-z][a-z0-9.-]{0,20}",
        "[0-9.:]{0,12}",
        "\\PC{0,8}",
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<u16>().prop_map(|port| port.to_string()),
        1 => (65_500..65_600_u32).prop_map(|port| port.to_string()),
        1 => "[+-]?0{0,3}[0-9]{0,6}",
        1 => "\\PC{0,3}",
    ]
}

/// A host and a port, some of them with a character too many or too few.
fn name() -> impl Strategy<Value = String> {
    let spoilt = prop::option::weighted(0.3, (any::<prop::sample::Index>(), "[\\]\\[:%. 0a]?"));
    (host(), "::?", port(), spoilt).prop_map(|(host, colon, port, spoilt)| {
        let mut name: Vec<char> = (host + &colon + &port).chars().collect();
        if let Some((index, replacement)) = spoilt {
            let at = index.index(name.len());
            name.splice(at..=at, replacement.chars());
        }
        name.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(cases::config(2_000))]

    #[test]
    fn a_host_and_a_port_are_taken_apart_or_are_an_error(name in name()) {
        names::compare(&name);
    }

    #[test]
    fn any_text_is_an_address_a_host_or_an_error(text in any::<String>()) {
        names::compare(&text);
    }
}
