//! Who waits in a direction that is shut down is woken, whichever handle shuts it down, and learns that it has ended.
//!
//! The kernel does not tell of every shutdown. A full Unix socket whose writing ends has no event; and of a datagram socket
//! whose reading has ended, a receive that does not wait says `EAGAIN` for ever.

mod support;

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use support::{Random, block_on, pair_with_std};
use waterwheel::net::{
    BufReader, Outbox, TcpStream, UdpSocket, UnixDatagram, UnixStream, Watermarks, copy,
    copy_bidirectional,
};
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::{spawn, timeout};

const SEED: u64 = 0x0005_7075_0000_5eed;

/// Far more than any of this takes. Who is not woken waits longer.
const LONG: Duration = Duration::from_secs(60);

const LARGE: &[u8] = &[7; 1 << 16];

/// Awaits what must end soon.
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limited = timeout(LONG, future).await;
    limited.unwrap_or_else(|_| panic!("{what}: nobody was woken"))
}

fn is_broken<T: Debug>(what: &str, result: io::Result<T>) {
    let error = result.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{what}");
}

macro_rules! pending {
    ($future:expr, $what:expr) => {
        assert!(futures_util::poll!(&mut $future).is_pending(), "{}", $what)
    };
}

fn tcp() -> io::Result<(TcpStream, std::net::TcpStream)> {
    pair_with_std()
}

fn unix() -> io::Result<(UnixStream, std::os::unix::net::UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// For each handle by which one family's writing may be ended, whoever waits for room meets `BrokenPipe`.
macro_rules! writers {
    ($pair:ident) => {{
        let full = || {
            let (ours, theirs) = $pair().expect("a pair");
            while ours.try_write(LARGE).is_ok() {}
            (ours, theirs)
        };
        for how in [Shutdown::Write, Shutdown::Both] {
            let what = format!("{}, {how:?}", stringify!($pair));
            let (ours, _theirs) = full();
            let mut one = Box::pin(ours.write(LARGE));
            let mut all = Box::pin(ours.write_all(LARGE));
            let mut room = Box::pin(ours.writable());
            pending!(one, what);
            pending!(all, what);
            pending!(room, what);
            ours.shutdown(how)?;
            is_broken(&what, soon(&what, one).await);
            is_broken(&what, soon(&what, all).await);
            soon(&what, room).await?;
            is_broken(&what, ours.try_write(LARGE));
            // And who comes later does not wait.
            is_broken(&what, soon(&what, ours.write(LARGE)).await);
        }

        let what = concat!(stringify!($pair), ", a borrowed half");
        let (ours, _theirs) = full();
        let (_, half) = ours.split();
        let mut waits = Box::pin(half.write_all(LARGE));
        pending!(waits, what);
        half.shutdown()?;
        is_broken(what, soon(what, waits).await);

        let what = concat!(stringify!($pair), ", an owned half");
        let (ours, _theirs) = full();
        let (_reader, half) = ours.into_split();
        let mut waits = Box::pin(half.write_all(LARGE));
        pending!(waits, what);
        half.shutdown()?;
        is_broken(what, soon(what, waits).await);

        let what = concat!(stringify!($pair), ", an owned half that is dropped");
        let (ours, _theirs) = full();
        let (reader, half) = ours.into_split();
        let mut waits = Box::pin(reader.as_ref().write_all(LARGE));
        pending!(waits, what);
        drop(half);
        is_broken(what, soon(what, waits).await);

        let what = concat!(stringify!($pair), ", an outbox, by its stream");
        let (ours, _theirs) = full();
        let outbox = Outbox::with_watermarks(ours, Watermarks { low: 0, high: 1 });
        let mut sent = Box::pin(outbox.send(LARGE));
        let mut ready = Box::pin(outbox.ready());
        pending!(sent, what);
        pending!(ready, what);
        outbox.get_ref().shutdown(Shutdown::Write)?;
        is_broken(what, soon(what, sent).await);
        is_broken(what, soon(what, ready).await);

        let what = concat!(stringify!($pair), ", the close of an outbox");
        let (ours, _theirs) = full();
        let ours = Arc::new(ours);
        let outbox = Outbox::new(Arc::clone(&ours));
        let mut waits = Box::pin(ours.write_all(LARGE));
        pending!(waits, what);
        // It has nothing to write, and ends the stream's writing.
        assert!(
            soon(what, outbox.close(Instant::now() + LONG))
                .await
                .is_drained()
        );
        is_broken(what, soon(what, waits).await);

        let what = concat!(stringify!($pair), ", a copy, by its stream");
        let (ours, _theirs) = full();
        let (from, mut source) = $pair()?;
        source.write_all(b"more")?;
        soon(what, from.peek(&mut [0])).await?;
        let mut waits = Box::pin(copy(&from, &ours));
        pending!(waits, what);
        ours.shutdown(Shutdown::Write)?;
        is_broken(what, soon(what, waits).await);

        let what = concat!(stringify!($pair), ", the end of a relay");
        let (ours, _theirs) = full();
        let (from, source) = $pair()?;
        let mut waits = Box::pin(ours.write_all(LARGE));
        pending!(waits, what);
        source.shutdown(Shutdown::Write)?;
        let mut relay = Box::pin(copy_bidirectional(&from, &ours));
        let mut ends = Box::pin(async {
            // The other direction goes on, and with it the relay.
            futures_util::future::select(&mut relay, &mut waits).await
        });
        soon(what, &mut ends).await;
        drop(ends);
        is_broken(what, soon(what, ours.write(LARGE)).await);
    }};
}

#[test]
fn who_waits_for_room_is_woken_by_the_end_of_writing() -> io::Result<()> {
    block_on(async {
        writers!(unix);
        writers!(tcp);
        Ok(())
    })
}

#[cfg(feature = "futures-io")]
#[test]
fn who_waits_for_room_is_woken_by_the_close_of_a_poll_stream() -> io::Result<()> {
    use futures_util::AsyncWriteExt;
    use waterwheel::net::PollStream;

    block_on(async {
        let (ours, _theirs) = unix()?;
        while ours.try_write(LARGE).is_ok() {}
        let ours = Arc::new(ours);
        let mut closing = PollStream::new(Arc::clone(&ours));
        let mut waits = Box::pin(ours.write_all(LARGE));
        pending!(waits, "close");
        closing.close().await?;
        is_broken("close", soon("close", waits).await);
        Ok(())
    })
}

/// For each way to read, the end of reading is the end of the stream.
macro_rules! readers {
    ($pair:ident) => {{
        for how in [Shutdown::Read, Shutdown::Both] {
            let what = format!("{}, {how:?}", stringify!($pair));
            let (ours, _theirs) = $pair()?;
            let (mut buffer, mut peeked) = ([0; 8], [0; 8]);
            let mut reads = Box::pin(ours.read(&mut buffer));
            let mut peeks = Box::pin(ours.peek(&mut peeked));
            let mut readable = Box::pin(ours.readable());
            let mut reader = BufReader::new(&ours);
            let mut line = Box::pin(reader.read_line());
            pending!(reads, what);
            pending!(peeks, what);
            pending!(readable, what);
            pending!(line, what);
            ours.shutdown(how)?;
            assert_eq!(soon(&what, reads).await?, 0, "{what}");
            assert_eq!(soon(&what, peeks).await?, 0, "{what}");
            assert_eq!(soon(&what, line).await?, None, "{what}");
            soon(&what, readable).await?;
            assert_eq!(ours.try_read(&mut [0; 8])?, 0, "{what}");
        }
    }};
}

#[test]
fn who_waits_for_bytes_is_woken_by_the_end_of_reading() -> io::Result<()> {
    block_on(async {
        readers!(unix);
        readers!(tcp);
        Ok(())
    })
}

/// By a handle of the test's own, of which this runtime is told by the kernel alone.
#[derive(Clone, Copy, Debug)]
enum Handle {
    Own,
    Other,
}

fn shut_down_datagram(socket: &UnixDatagram, by: Handle, how: Shutdown) -> io::Result<()> {
    match by {
        Handle::Own => socket.shutdown(how),
        Handle::Other => {
            let other = socket.as_fd().try_clone_to_owned()?;
            std::os::unix::net::UnixDatagram::from(other).shutdown(how)
        }
    }
}

/// A receive that waits in the kernel gets 0 bytes then, of nobody; so do these.
#[test]
fn who_waits_for_a_datagram_is_woken_by_the_end_of_receiving() -> io::Result<()> {
    block_on(async {
        for by in [Handle::Own, Handle::Other] {
            for how in [Shutdown::Read, Shutdown::Both] {
                let what = format!("{by:?}, {how:?}");
                let (ours, theirs) = UnixDatagram::pair()?;
                let mut buffers = [[0; 8]; 4];
                let [first, second, third, fourth] = &mut buffers;
                let mut receives = Box::pin(ours.recv(first));
                let mut peeks = Box::pin(ours.peek(second));
                let mut receives_from = Box::pin(ours.recv_from(third));
                let mut peeks_from = Box::pin(ours.peek_from(fourth));
                let mut readable = Box::pin(ours.readable());
                pending!(receives, what);
                pending!(peeks, what);
                pending!(receives_from, what);
                pending!(peeks_from, what);
                pending!(readable, what);
                shut_down_datagram(&ours, by, how)?;
                assert_eq!(soon(&what, receives).await?, 0, "{what}");
                assert_eq!(soon(&what, peeks).await?, 0, "{what}");
                for from in [
                    soon(&what, receives_from).await?,
                    soon(&what, peeks_from).await?,
                ] {
                    assert!(from.0 == 0 && from.1.is_unnamed(), "{what}: {from:?}");
                }
                soon(&what, readable).await?;
                assert_eq!(ours.try_recv(&mut [0; 8])?, 0, "{what}");
                assert_eq!(ours.try_recv_from(&mut [0; 8])?.0, 0, "{what}");
                // And who comes later does not wait.
                assert_eq!(soon(&what, ours.recv(&mut [0; 8])).await?, 0, "{what}");
                is_broken(&what, theirs.try_send(b"x"));

                // Who tries learns it at once: nobody has waited, so the kernel has told nothing.
                if matches!(by, Handle::Own) {
                    let (ours, _theirs) = UnixDatagram::pair()?;
                    shut_down_datagram(&ours, by, how)?;
                    assert_eq!(ours.try_recv(&mut [0; 8])?, 0, "{what}");
                }

                // What came before the end is received before the end.
                let (ours, theirs) = UnixDatagram::pair()?;
                theirs.send(b"last").await?;
                theirs.send(b"words").await?;
                shut_down_datagram(&ours, by, how)?;
                for length in [4, 5, 0, 0] {
                    let received = soon(&what, ours.recv(&mut [0; 8])).await?;
                    assert_eq!(received, length, "{what}");
                }
            }
        }
        Ok(())
    })
}

#[test]
fn who_waits_to_send_a_datagram_is_woken_by_the_end_of_sending() -> io::Result<()> {
    block_on(async {
        for how in [Shutdown::Write, Shutdown::Both] {
            let what = format!("{how:?}");
            let (ours, _theirs) = UnixDatagram::pair()?;
            while ours.try_send(b"x").is_ok() {}
            let mut sends = Box::pin(ours.send(b"more"));
            let mut room = Box::pin(ours.writable());
            pending!(sends, what);
            pending!(room, what);
            ours.shutdown(how)?;
            is_broken(&what, soon(&what, sends).await);
            soon(&what, room).await?;
            is_broken(&what, ours.try_send(b"more"));
        }
        Ok(())
    })
}

/// [`UdpSocket`] has no shutdown; another holder may have one, and then its receives end as well.
#[test]
fn who_waits_for_a_datagram_of_the_internet_is_woken_too() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = (
            UdpSocket::bind("127.0.0.1:0").await?,
            UdpSocket::bind("127.0.0.1:0").await?,
        );
        ours.connect(theirs.local_addr()?).await?;
        let mut buffer = [0; 8];
        let mut receives = Box::pin(ours.recv(&mut buffer));
        pending!(receives, "UDP");
        // Of all sockets of the standard library, those of TCP have a shutdown that any socket has.
        let other = std::net::TcpStream::from(ours.as_fd().try_clone_to_owned()?);
        other.shutdown(Shutdown::Read)?;
        assert_eq!(soon("UDP", receives).await?, 0);
        assert_eq!(ours.try_recv(&mut [0; 8])?, 0);
        let mut batch = waterwheel::net::RecvBatch::new(2, 8);
        assert_eq!(soon("UDP", ours.recv_batch(&mut batch)).await?, 0);
        Ok(())
    })
}

/// Between the call that finds no room, and the registration that it leads to, another thread ends the writing.
#[test]
fn an_end_right_before_the_registration_is_not_missed() -> io::Result<()> {
    block_on(async {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
        let ours = AsyncFd::new(ours)?;
        let mut calls = 0;
        let write = |mut stream: &std::os::unix::net::UnixStream| {
            calls += 1;
            let mut write = || stream.write(LARGE).map(|count| assert_ne!(count, 0));
            let written = loop {
                if let Err(error) = write() {
                    break error;
                }
            };
            if calls == 1 {
                assert_eq!(written.kind(), ErrorKind::WouldBlock);
                stream.shutdown(Shutdown::Write)?;
                ours.mark_closed(Interest::Write);
            }
            io::Result::<()>::Err(written)
        };
        is_broken(
            "async_io",
            soon("async_io", ours.async_io(Interest::Write, write)).await,
        );
        Ok(())
    })
}

/// A writer that looks, registers and parks while another thread ends the writing, at all moments.
#[test]
fn no_end_is_missed_at_whatever_moment_it_comes() -> io::Result<()> {
    const ROUNDS: usize = 2000;
    println!("seed {SEED:#x}");
    block_on(async {
        let mut random = Random(SEED);
        for round in 0..ROUNDS {
            let (ours, theirs) = UnixStream::pair()?;
            // Little room, so that it is soon full.
            ours.set_send_buffer_size(4096)?;
            while ours.try_write(LARGE).is_ok() {}
            let ours = Arc::new(ours);
            let writes = spawn({
                let ours = Arc::clone(&ours);
                async move { ours.write_all(LARGE).await }
            });
            let spins = random.up_to(2000);
            let ends = thread::spawn(move || {
                for _ in 0..spins {
                    std::hint::spin_loop();
                }
                ours.shutdown(Shutdown::Write)
            });
            is_broken(
                "write_all",
                soon(&format!("round {round}"), writes)
                    .await
                    .expect("no panic"),
            );
            ends.join().expect("the other thread")?;
            drop(theirs);
        }
        Ok(())
    })
}
