//! A stream is closed with its event under way, and another gets the same number of the descriptor: no event is stray.
//! The only tests of their file, one at a time, so that nobody else takes the numbers.

#[path = "../../tests/common/mod.rs"]
mod common;
mod support;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use support::{block_on, pair, pair_with_std};
use waterwheel::net::UnixStream;
use waterwheel::reactor::Reactor;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Pitfall: a stale event after descriptor reuse (libuv#826, #971).
#[test]
fn an_event_of_a_closed_stream_wakes_no_reader_of_the_next() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        // Traffic, of a stream that always has events under way.
        let (client, server) = pair().await?;
        let over = Arc::new(AtomicBool::new(false));
        let echoing = waterwheel::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                match server.read(&mut buffer).await? {
                    0 => return io::Result::Ok(()),
                    count => server.write_all(&buffer[..count]).await?,
                }
            }
        });
        let asking = waterwheel::spawn({
            let over = Arc::clone(&over);
            async move {
                let (mut buffer, mut answers) = ([0; 64], 0u64);
                while !over.load(Ordering::SeqCst) {
                    client.write_all(&[7; 64]).await?;
                    client.read_exact(&mut buffer).await?;
                    answers += 1;
                }
                io::Result::Ok(answers)
            }
        });

        let rounds = common::rounds(100_000, 5_000);
        let (mut last, mut reused) = (-1, 0);
        for round in 0..rounds {
            let (ours, theirs) = UnixStream::pair()?;
            reused += usize::from(ours.as_raw_fd() == last);
            last = ours.as_raw_fd();
            let woken = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut buffer = [0; 8];
            let mut reading = ours.read(&mut buffer);
            let polled = Future::poll(
                std::pin::Pin::new(&mut reading),
                &mut Context::from_waker(&waker),
            );
            assert!(polled.is_pending(), "round {round}");
            // Most rounds leave an event under way; some wait for one to come to the wrong reader.
            if round % 4 == 3 {
                waterwheel::yield_now().await;
                Reactor::current().expect("in a runtime").turn_now()?;
                let count = woken.0.load(Ordering::SeqCst);
                assert_eq!(count, 0, "round {round}: nothing has been written");
            }
            theirs.try_write(b"x")?;
            if round % 16 == 0 {
                assert_eq!(reading.await?, 1);
                assert_eq!(buffer[0], b'x');
            }
        }
        assert!(
            reused > rounds / 2,
            "only {reused} of {rounds} had its number"
        );
        let registered = Reactor::current().expect("in a runtime").registered();
        assert!(registered <= 2, "{registered}: only the traffic's are left");
        over.store(true, Ordering::SeqCst);
        let answers = asking.await.expect("no panic")?;
        assert!(answers > 0, "there was no traffic");
        echoing.await.expect("no panic")
    })
}

/// Pitfall: a dup'd or inherited descriptor keeps its registration after close: spin (libuv#1148, #1099).
#[test]
fn a_stream_that_lives_on_in_a_child_tells_the_reactor_nothing() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        assert!(futures_util::poll!(ours.read(&mut [0])).is_pending());
        // The child reads nothing until its standard input says so, and has the stream as its output.
        let duplicate: OwnedFd = ours.as_fd().try_clone_to_owned()?;
        let mut child = Command::new("sh")
            .args(["-c", "read go && echo heard"])
            .stdin(Stdio::piped())
            .stdout(duplicate)
            .spawn()?;
        drop(ours);
        let reactor = Reactor::current().expect("in a runtime");
        for _ in 0..3 {
            theirs.write_all(b"is anybody there?")?;
            assert_eq!(reactor.turn_now()?, 0);
            waterwheel::yield_now().await;
        }
        let mut go = child.stdin.take().expect("piped");
        go.write_all(b"go\n")?;
        drop(go);
        let mut heard = [0; 6];
        theirs.read_exact(&mut heard)?;
        assert_eq!(&heard, b"heard\n", "the connection was there all the time");
        assert!(child.wait()?.success());
        assert_eq!(reactor.turn_now()?, 0);
        Ok(())
    })
}
