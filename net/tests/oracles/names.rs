//! What a string names, read byte by byte: an address, a host's name and a port, or nothing.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use waterwheel::net::lookup_host;
use waterwheel::reactor::Reactor;

thread_local! {
    static REACTOR: Arc<Reactor> = Reactor::new().expect("a reactor");
}

/// Resolves a string beside a reactor and no executor, where nothing is ever looked up: what names an address is that address at once, and
/// a host's name is told as one that cannot be looked up here.
pub(crate) fn compare(text: &str) {
    let _entered = REACTOR.with(Reactor::enter);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(found) = pin!(lookup_host(text)).poll(&mut cx) else {
        panic!("`{text}` is waited for");
    };
    match expected(text) {
        Named::Address(address) => assert_eq!(found.expect("an address"), [address], "`{text}`"),
        Named::Host(host) => {
            is_error(
                found,
                ErrorKind::Unsupported,
                &format!("the name `{host}`,"),
            );
        }
        Named::Nothing => {
            is_error(
                found,
                ErrorKind::InvalidInput,
                &format!("`{text}` names no address"),
            );
        }
    }
}

fn is_error(found: io::Result<Vec<SocketAddr>>, kind: ErrorKind, part: &str) {
    let error = found.expect_err("no address");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

enum Named<'a> {
    Address(SocketAddr),
    Host(&'a str),
    Nothing,
}

/// `HOST:PORT`, cut at the last colon; `[ADDRESS]:PORT` and `[ADDRESS%SCOPE]:PORT` for IPv6.
fn expected(text: &str) -> Named<'_> {
    let Some(colon) = text.bytes().rposition(|byte| byte == b':') else {
        return Named::Nothing;
    };
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    // An address is whatever the standard library takes for one.
    if let Ok(address) = text.parse() {
        return Named::Address(address);
    }
    let Some(port) = number(port) else {
        return Named::Nothing;
    };
    match host.parse::<IpAddr>() {
        Ok(ip) => Named::Address((ip, port).into()),
        Err(_) => Named::Host(host),
    }
}

/// A port: decimal digits, after a `+` if one likes, of no more than 16 bits.
fn number(text: &str) -> Option<u16> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for byte in digits.bytes() {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        value = (value * 10 + digit).min(1 << 16);
    }
    value.try_into().ok()
}
