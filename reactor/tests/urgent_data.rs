//! Urgent data in a TCP stream: a read stops at its mark, short of what there is.

mod common;

use common::Count;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};
use waterwheel::reactor::{AsyncFd, Operation, Reactor, Reading, Wait};

const READ: Operation<Reading> = Operation::new("test");

fn send_urgent(stream: &TcpStream, byte: u8) {
    // SAFETY: one readable byte, which lives through the call.
    let sent = unsafe {
        libc::send(
            stream.as_raw_fd(),
            (&raw const byte).cast(),
            1,
            libc::MSG_OOB | libc::MSG_NOSIGNAL,
        )
    };
    assert_eq!(sent, 1);
}

/// The rule of the short read must not take the mark for the end of what there is: the bytes behind it came with
/// the same event, and no other will tell of them.
#[test]
fn a_read_that_stops_at_urgent_data_is_not_the_last() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).expect("connect");
    theirs.set_nodelay(true).expect("nodelay");
    let (ours, _) = listener.accept().expect("accept");
    let ours = AsyncFd::new(ours).expect("nonblocking");

    let woken = Count::new();
    let waker = woken.waker();
    let mut cx = Context::from_waker(&waker);
    let mut wait = Wait::new(&ours);
    let mut buffer = [0; 64];
    let mut got = Vec::new();
    let mut read = |wait: &mut Wait<'_, TcpStream, Reading>| loop {
        let wanted = buffer.len();
        match wait.poll_transfer(&mut cx, READ, wanted, |mut stream| stream.read(&mut buffer)) {
            Poll::Ready(count) => got.extend_from_slice(&buffer[..count.expect("read")]),
            Poll::Pending => return got.clone(),
        }
    };
    assert_eq!(read(&mut wait), b"", "it registers");

    theirs.write_all(b"before").expect("write");
    send_urgent(&theirs, b'!');
    theirs.write_all(b"behind").expect("write");
    // All has arrived before the first event is received.
    common::wait_until("all has arrived", || unacknowledged(&theirs) == 0);
    woken.turn_until(&reactor, 1);
    assert_eq!(read(&mut wait), b"beforebehind");
}

fn unacknowledged(stream: &TcpStream) -> libc::c_int {
    let mut count = 0;
    // SAFETY: the call writes one integer, to one that lives through it.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    assert_eq!(result, 0);
    count
}
