//! A socket belongs to no runtime for good: it may outlive one, and be used from several threads.

mod support;

use std::io::{self, IoSlice, IoSliceMut, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use support::{block_on, pair_with_std};
use waterwheel::net::{TcpListener, TcpStream};

#[test]
fn a_stream_outlives_its_runtime() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    for word in ["first", "second", "third"] {
        block_on(async {
            let mut buffer = [0; 16];
            let mut reading = ours.read(&mut buffer);
            assert!(futures_util::poll!(&mut reading).is_pending(), "{word}");
            theirs.write_all(word.as_bytes())?;
            assert_eq!(reading.await?, word.len());
            assert_eq!(&buffer[..word.len()], word.as_bytes());
            io::Result::Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_listener_outlives_its_runtime() -> io::Result<()> {
    let listener = block_on(TcpListener::bind("127.0.0.1:0"))?;
    for _ in 0..3 {
        block_on(async {
            let mut accepting = listener.accept();
            assert!(futures_util::poll!(&mut accepting).is_pending());
            let client = TcpStream::connect(listener.local_addr()?).await?;
            let (_, peer) = accepting.await?;
            assert_eq!(peer, client.local_addr()?);
            io::Result::Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_stream_moves_to_another_thread() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    block_on(async {
        assert!(futures_util::poll!(ours.read(&mut [0; 16])).is_pending());
    });
    let reader = thread::spawn(move || {
        block_on(async {
            let mut buffer = [0; 16];
            let count = ours.read(&mut buffer).await?;
            io::Result::Ok(buffer[..count].to_vec())
        })
    });
    theirs.write_all(b"over there")?;
    assert_eq!(reader.join().expect("the reader")?, b"over there");
    Ok(())
}

/// The stream is registered with one thread's reactor, and awaited on another's: the wake crosses.
#[test]
fn a_stream_is_awaited_on_another_thread_than_it_is_registered_on() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    let (done, mut tell) = pair_with_std()?;
    let ours = Arc::new(ours);
    block_on(async {
        assert!(futures_util::poll!(ours.read(&mut [0; 16])).is_pending());
        let remote = Arc::clone(&ours);
        let reader = thread::spawn(move || {
            block_on(async {
                let mut buffer = [0; 16];
                let mut reading = remote.read(&mut buffer);
                assert!(futures_util::poll!(&mut reading).is_pending());
                theirs.write_all(b"across")?;
                assert_eq!(reading.await?, 6);
                tell.write_all(b"!")
            })
        });
        assert_eq!(done.read(&mut [0; 16]).await?, 1);
        reader.join().expect("the reader")
    })
}

#[test]
fn outside_a_runtime_what_need_not_wait_needs_none() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    assert_eq!(ours.try_write(b"out")?, 3);
    theirs.write_all(b"in")?;
    theirs.peek(&mut [0])?;
    let mut buffer = [0; 8];
    let nothing = loop {
        match ours.try_read(&mut buffer) {
            Ok(count) => assert_eq!(count, 2),
            Err(error) => break error,
        }
    };
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    Ok(())
}

#[test]
fn outside_a_runtime_the_panic_names_the_call_and_the_remedy() -> io::Result<()> {
    type Call = fn(&TcpStream, &TcpListener);
    let calls: [(&str, Call); 12] = [
        ("TcpListener::bind", |_, _| {
            poll(TcpListener::bind("127.0.0.1:0"))
        }),
        ("TcpListener::accept", |_, listener| poll(listener.accept())),
        ("TcpStream::connect", |_, _| {
            poll(TcpStream::connect("127.0.0.1:9"))
        }),
        ("TcpStream::read", |stream, _| poll(stream.read(&mut [0]))),
        ("TcpStream::read_exact", |stream, _| {
            poll(stream.read_exact(&mut [0]))
        }),
        ("TcpStream::read_vectored", |stream, _| {
            poll(stream.read_vectored(&mut [IoSliceMut::new(&mut [0])]));
        }),
        ("TcpStream::peek", |stream, _| poll(stream.peek(&mut [0]))),
        ("TcpStream::readable", |stream, _| poll(stream.readable())),
        ("TcpStream::writable", |stream, _| poll(stream.writable())),
        ("TcpStream::write", |stream, _| poll(stream.write(&CHUNK))),
        ("TcpStream::write_all", |stream, _| {
            poll(stream.write_all(&CHUNK))
        }),
        ("TcpStream::write_vectored", |stream, _| {
            poll(stream.write_vectored(&[IoSlice::new(&CHUNK)]));
        }),
    ];
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let listener = TcpListener::from_std(listener)?;
    let (stream, _theirs) = pair_with_std()?;
    for (name, call) in calls {
        // Again and again: a write has to wait only once the buffers are full.
        let until_it_waits = || (0..10_000).for_each(|_| call(&stream, &listener));
        let panic = catch_unwind(AssertUnwindSafe(until_it_waits)).expect_err(name);
        let message = panic.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains(&format!("`{name}`")), "{message}");
        assert!(message.contains("waterwheel::block_on"), "{message}");
    }
    Ok(())
}

static CHUNK: [u8; 64 << 10] = [0; 64 << 10];

fn poll(future: impl Future) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = pin!(future).poll(&mut cx);
}
