//! A descriptor is not bound to a runtime: it outlives one, and several may wait for it at the same time.

mod workers;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::spawn;
use workers::block_on;

fn pair() -> (Arc<AsyncFd<UnixStream>>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    (Arc::new(AsyncFd::new(ours).expect("nonblocking")), theirs)
}

async fn read_byte(fd: &AsyncFd<UnixStream>) -> u8 {
    let mut byte = [0];
    let read = fd.async_io(Interest::Read, |mut stream| stream.read_exact(&mut byte));
    read.await.expect("read");
    byte[0]
}

/// Polls once, and says so, and goes on.
async fn tell_when_pending<F: Future>(future: F, tell: mpsc::Sender<()>) -> F::Output {
    let mut future = pin!(future);
    let mut polled = false;
    std::future::poll_fn(move |cx: &mut Context<'_>| {
        let polled_now = future.as_mut().poll(cx);
        if polled_now.is_pending() && !std::mem::replace(&mut polled, true) {
            tell.send(()).expect("somebody listens");
        }
        polled_now
    })
    .await
}

#[test]
fn a_descriptor_outlives_the_runtime_it_was_registered_with() {
    let (ours, mut theirs) = pair();
    for round in 0..3 {
        block_on(async {
            let ours = Arc::clone(&ours);
            let (tell, told) = mpsc::channel();
            let reader = spawn(async move { tell_when_pending(read_byte(&ours), tell).await });
            while told.try_recv().is_err() {
                waterwheel::yield_now().await;
            }
            theirs.write_all(&[round]).expect("write");
            assert_eq!(reader.await.expect("the reader"), round);
        });
    }
}

#[test]
fn a_waker_of_a_runtime_that_has_ended_disturbs_nobody() {
    let (ours, mut theirs) = pair();
    // A future that is pending in one runtime, and taken out of it alive.
    let mut reading = pin!(read_byte(&ours));
    block_on(std::future::poll_fn(|cx| {
        assert!(reading.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    }));
    theirs.write_all(b"x").expect("write");
    assert_eq!(block_on(reading), b'x');
}

/// One thread's runtime reads, another's waits beside it for the same descriptor, which is registered with the former.
#[test]
fn two_runtimes_wait_for_the_same_descriptor() {
    for _ in 0..100 {
        let (ours, mut theirs) = pair();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let readers = [(); 2].map(|()| {
                let (ours, tell) = (Arc::clone(&ours), tell.clone());
                scope.spawn(move || block_on(tell_when_pending(read_byte(&ours), tell)))
            });
            told.recv().expect("one waits");
            told.recv().expect("and the other");
            // The reactor that has the registration may close in between: who still waits moves to its own.
            theirs.write_all(b"a").expect("write");
            theirs.write_all(b"b").expect("write");
            let mut read = readers.map(|reader| reader.join().expect("reader"));
            read.sort_unstable();
            assert_eq!(read, *b"ab");
        });
    }
}

/// The runtime with the registration ends while another waits: that one goes on by itself.
#[test]
fn who_waits_in_a_runtime_that_ends_is_taken_over_by_its_own() {
    for _ in 0..100 {
        let (ours, mut theirs) = pair();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let (end, ended) = mpsc::channel::<()>();
            let (registered, has_registered) = mpsc::channel();
            let (first, second) = (Arc::clone(&ours), Arc::clone(&ours));
            let owner = scope.spawn(move || {
                block_on(std::future::poll_fn(|cx| {
                    assert!(pin!(read_byte(&first)).poll(cx).is_pending());
                    registered.send(()).expect("somebody listens");
                    ended.recv().expect("told to end");
                    Poll::Ready(())
                }));
            });
            has_registered.recv().expect("registered");
            let reader = scope.spawn(move || block_on(tell_when_pending(read_byte(&second), tell)));
            told.recv().expect("it waits");
            end.send(()).expect("the owner listens");
            owner.join().expect("owner");
            theirs.write_all(b"x").expect("write");
            assert_eq!(reader.join().expect("reader"), b'x');
        });
    }
}
