//! Tests of `options`.

use super::*;
use crate::sys::socket;
use std::os::fd::{AsFd, OwnedFd};

fn tcp() -> OwnedFd {
    socket::tcp_for(([127, 0, 0, 1], 0).into()).expect("socket")
}

fn udp() -> OwnedFd {
    socket::udp_for(([127, 0, 0, 1], 0).into()).expect("socket")
}

#[test]
fn a_flag_reads_back_as_it_was_set() {
    let (tcp, udp) = (tcp(), udp());
    for (option, socket) in [
        (NODELAY, &tcp),
        (KEEPALIVE, &tcp),
        (REUSE_ADDRESS, &tcp),
        (REUSE_PORT, &tcp),
        (BROADCAST, &udp),
        (MULTICAST_LOOP_V4, &udp),
    ] {
        for wanted in [true, false, true] {
            option.set(socket.as_fd(), wanted).expect("setsockopt");
            let found = option.get(socket.as_fd()).expect("getsockopt");
            assert_eq!(found, wanted, "{option:?}");
        }
    }
}

#[test]
fn a_number_reads_back_as_it_was_set() {
    let (tcp, udp) = (tcp(), udp());
    for (option, socket) in [(KEEPALIVE_RETRIES, &tcp), (MULTICAST_TTL_V4, &udp)] {
        option.set(socket.as_fd(), 3).expect("setsockopt");
        assert_eq!(option.get(socket.as_fd()).expect("getsockopt"), 3);
    }
    for option in [HOP_LIMIT, TYPE_OF_SERVICE] {
        option.set(tcp.as_fd(), 12).expect("setsockopt");
        assert_eq!(option.get(tcp.as_fd()).expect("getsockopt"), 12);
    }
    for option in [SEND_BUFFER, RECEIVE_BUFFER] {
        option.set(tcp.as_fd(), 10_000).expect("setsockopt");
        let doubled = option.get(tcp.as_fd()).expect("getsockopt");
        assert_eq!(doubled, 20_000, "as socket(7) has it");
    }
}

#[test]
fn times_are_rounded_up() {
    let tcp = tcp();
    let fd = tcp.as_fd();
    for option in [KEEPALIVE_TIME, KEEPALIVE_INTERVAL] {
        option
            .set(fd, Duration::from_millis(6001))
            .expect("setsockopt");
        assert_eq!(option.get(fd).expect("getsockopt"), Duration::from_secs(7));
        let error = option.set(fd, Duration::ZERO).expect_err("out of range");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = option.set(fd, Duration::MAX).expect_err("out of range");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    let (up, given) = (Duration::from_millis(2), Duration::from_micros(1500));
    for (wanted, found) in [
        (Some(given), Some(up)),
        (Some(Duration::ZERO), Some(Duration::from_millis(1))),
        (None, None),
    ] {
        USER_TIMEOUT.set(fd, wanted).expect("setsockopt");
        assert_eq!(USER_TIMEOUT.get(fd).expect("getsockopt"), found);
    }
    for (wanted, found) in [
        (
            Some(Duration::from_millis(10)),
            Some(Duration::from_secs(1)),
        ),
        (Some(Duration::ZERO), Some(Duration::ZERO)),
        (None, None),
    ] {
        set_linger(fd, wanted).expect("setsockopt");
        assert_eq!(linger(fd).expect("getsockopt"), found);
    }
}

#[test]
fn an_option_of_both_families_is_set_in_both() {
    // Some containers have no IPv6.
    let Ok(tcp) = socket::tcp_for("[::1]:0".parse().expect("an address")) else {
        return;
    };
    let fd = tcp.as_fd();
    ONLY_V6.set(fd, false).expect("setsockopt");
    HOP_LIMIT.set(fd, 9).expect("setsockopt");
    assert_eq!(HOP_LIMIT.get(fd).expect("getsockopt"), 9);
    assert_eq!(HOP_LIMIT.v4.get(fd).expect("getsockopt"), 9);
    ONLY_V6.set(fd, true).expect("setsockopt");
    HOP_LIMIT.set(fd, 7).expect("setsockopt");
    assert_eq!(HOP_LIMIT.get(fd).expect("getsockopt"), 7);
}

#[test]
fn an_option_of_another_kind_of_socket_is_refused() {
    let udp = udp();
    assert!(NODELAY.set(udp.as_fd(), true).is_err());
    assert!(ONLY_V6.get(udp.as_fd()).is_err());
}
