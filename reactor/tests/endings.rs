//! How descriptors end: the peer closes half of it or all of it, or there is an error. Everybody concerned is woken,
//! nobody else is, and nothing spins.

mod common;

use common::{Count, poll};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::task::{Context, Poll};
use waterwheel::reactor::{AsyncFd, Interest, Operation, Reactor, Reading, Wait};

const READ: Operation<Reading> = Operation::new("test");

/// Asserts that epoll has no more to say, however often it is asked.
fn assert_quiet(reactor: &Reactor) {
    for _ in 0..10 {
        assert_eq!(reactor.turn_now().expect("turn_now"), 0, "it spins");
    }
}

fn fill(mut writer: impl Write) {
    while writer.write(&[0; 1 << 16]).is_ok() {}
}

/// Pitfall: EPOLLERR spins (seastar#1785) or wakes nobody (tokio#2218, #4349).
#[test]
fn an_error_wakes_both_directions_and_does_not_spin() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (reader, writer) = io::pipe().expect("pipe");
    let writer = AsyncFd::new(writer).expect("nonblocking");
    fill(writer.get_ref());
    let (reads, writes) = (Count::new(), Count::new());
    let mut writing = writer.async_io(Interest::Write, |mut pipe| pipe.write(b"x"));
    let mut readable = writer.readable();
    assert!(poll(&mut readable, &reads.waker()).is_pending());
    assert!(poll(&mut writing, &writes.waker()).is_pending());
    assert_quiet(&reactor);

    // The write end of a pipe that nobody reads is in error: EPOLLERR, and nothing else.
    drop(reader);
    reads.turn_until(&reactor, 1);
    writes.turn_until(&reactor, 1);
    let Poll::Ready(Err(error)) = poll(&mut writing, &writes.waker()) else {
        panic!("the write meets the error");
    };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(poll(&mut readable, &reads.waker()).is_ready());
    assert_quiet(&reactor);
    assert_eq!((reads.get(), writes.get()), (1, 1));
}

/// Pitfalls: data lost at RDHUP (netty#4325); RDHUP taken for HUP, a write spin (mio#939).
#[test]
fn a_half_close_gives_the_data_and_then_the_end_and_leaves_writing_alone() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    fill(ours.get_ref());
    let (reads, writes) = (Count::new(), Count::new());
    let waker = reads.waker();
    let mut cx = Context::from_waker(&waker);
    let mut buffer = [0; 64];
    let mut reading = Wait::new(&ours);
    let mut read = |cx: &mut Context<'_>| {
        let read = reading.poll_transfer(cx, READ, 64, |mut stream| stream.read(&mut buffer));
        read.map(|count| buffer[..count.expect("read")].to_vec())
    };
    let mut writing = ours.async_io(Interest::Write, |mut stream| stream.write(b"x"));
    assert!(poll(&mut writing, &writes.waker()).is_pending());
    assert!(read(&mut cx).is_pending());

    // Data and the end in one event: the short read must not wait for another.
    theirs.write_all(b"the last words").expect("write");
    theirs.shutdown(Shutdown::Write).expect("shutdown");
    reads.turn_until(&reactor, 1);
    assert_eq!(read(&mut cx), Poll::Ready(b"the last words".to_vec()));
    assert_eq!(read(&mut cx), Poll::Ready(Vec::new()));
    assert_eq!(read(&mut cx), Poll::Ready(Vec::new()), "the end stays");
    assert_eq!(writes.get(), 0, "there is no room yet");
    assert_quiet(&reactor);

    // And our half still carries.
    theirs.set_nonblocking(true).expect("nonblocking");
    while theirs.read(&mut [0; 1 << 16]).is_ok() {}
    writes.turn_until(&reactor, 1);
    assert!(matches!(
        poll(&mut writing, &writes.waker()),
        Poll::Ready(Ok(1))
    ));
}

#[test]
fn a_full_close_wakes_both_directions() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, theirs) = UnixStream::pair().expect("pair");
    let ours = AsyncFd::new(ours).expect("nonblocking");
    fill(ours.get_ref());
    let (reads, writes) = (Count::new(), Count::new());
    let (mut readable, mut writing) = (
        ours.readable(),
        ours.async_io(Interest::Write, |mut stream| stream.write(b"x")),
    );
    assert!(poll(&mut readable, &reads.waker()).is_pending());
    assert!(poll(&mut writing, &writes.waker()).is_pending());
    drop(theirs);
    reads.turn_until(&reactor, 1);
    writes.turn_until(&reactor, 1);
    assert!(poll(&mut readable, &reads.waker()).is_ready());
    assert!(matches!(
        poll(&mut writing, &writes.waker()),
        Poll::Ready(Err(_))
    ));
    assert_quiet(&reactor);
}

struct Fifo(PathBuf);

impl Fifo {
    fn new() -> Self {
        let name = format!("waterwheel-fifo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let name = CString::new(path.as_os_str().as_bytes()).expect("no zero in it");
        // Not by a command: a child that inherits the descriptors of the other tests here, if only until it is another
        // program, closes them late, and its closing is an event too.
        // SAFETY: `name` ends with a zero, and lives through the call.
        let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
        assert_eq!(made, 0, "{}", io::Error::last_os_error());
        Self(path)
    }

    fn reader(&self) -> File {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        options.open(&self.0).expect("open for reading")
    }

    fn writer(&self) -> File {
        let mut options = OpenOptions::new();
        options.write(true).open(&self.0).expect("open for writing")
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What closed a FIFO is undone when a new writer opens it: the bit that told of the end must then go, or each read
/// would be tried for ever.
#[test]
fn a_fifo_that_is_opened_again_after_its_end_does_not_spin() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let fifo = Fifo::new();
    let reader = AsyncFd::from_nonblocking(fifo.reader());
    let woken = Count::new();
    let waker = woken.waker();
    let calls = std::cell::Cell::new(0);
    let read = || {
        let mut byte = [0];
        let mut reading = reader.async_io(Interest::Read, |mut file: &File| {
            calls.set(calls.get() + 1);
            assert!(calls.get() < 100, "it spins within one poll");
            file.read(&mut byte)
        });
        match poll(&mut reading, &waker) {
            // The waker stays: this is a task that is polled again with a new future.
            Poll::Pending => {
                std::mem::forget(reading);
                None
            }
            Poll::Ready(count) => Some(byte[..count.expect("read")].to_vec()),
        }
    };

    for round in 0..3 {
        let mut writer = fifo.writer();
        calls.set(0);
        assert_eq!(read(), None, "round {round}: a writer, and no data");
        assert!(calls.get() <= 2, "{} calls in one poll", calls.get());
        let before = woken.get();
        writer.write_all(b"x").expect("write");
        woken.turn_until(&reactor, before + 1);
        assert_eq!(read(), Some(b"x".to_vec()));
        drop(writer);
        while reactor.turn_now().expect("turn_now") > 0 {}
        assert_eq!(read(), Some(Vec::new()), "round {round}: the end");
        assert_quiet(&reactor);
    }
}
