//! Addresses, as the kernel writes them and as users write them: what the tests in `reactor/src/sys/address.rs` and
//! `net/tests/names_model.rs` draw, found by coverage.

#![no_main]

/// The file of the library itself: what is in it is not public.
#[allow(dead_code, reason = "the library uses all of it")]
#[path = "../../reactor/src/sys/address.rs"]
mod address;
#[path = "../../net/tests/oracles/names.rs"]
mod names;
#[path = "../../reactor/src/sys/address/oracle.rs"]
mod oracle;

use address::{RawAddress, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match input {
        [0, text @ ..] => names::compare(&String::from_utf8_lossy(text)),
        [_, written @ ..] => oracle::compare(written),
        [] => {}
    }
});
