//! Futures of `reactor`.

use super::{Row, row};
use futures_util::StreamExt;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::{Context, Waker};
use waterwheel::reactor::{AsyncFd, Interest, Operation, Reading, Wait, Writing};
use waterwheel::signal::{SignalKind, ctrl_c, end_at_second_ctrl_c, signal};

/// What can always be read.
fn zero() -> AsyncFd<File> {
    AsyncFd::from_nonblocking(File::open("/dev/zero").expect("there always is"))
}

/// What can be read for as long as nobody does.
fn readable() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    std::io::Write::write_all(&mut theirs, b"x").expect("room");
    (AsyncFd::new(ours).expect("a descriptor"), theirs)
}

/// It has been handled when this returns.
fn raise(kind: SignalKind) {
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

const KIND: SignalKind = SignalKind::user_defined2();

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!(
            Ready,
            "Future for reactor::Readable",
            "what has come is left",
            {
                let (fd, _peer) = readable();
            },
            {
                fd.readable().await.expect("readable");
            }
        ),
        row!(
            Ready,
            "Future for reactor::Writable",
            "there is room",
            {
                let (fd, _peer) = readable();
            },
            {
                fd.writable().await.expect("writable");
            }
        ),
        row!(
            Ready,
            "Future for reactor::AsyncIo",
            "there is more",
            {
                let fd = zero();
            },
            {
                let read = |mut file: &File| file.read(&mut [1; 8]);
                assert_eq!(fd.async_io(Interest::Read, read).await.expect("zeros"), 8);
            }
        ),
        row!(
            Ready,
            "Future for reactor::AsyncIo",
            "it polls another in its operation",
            {
                let fd = zero();
            },
            {
                let spend_inside = |_: &File| {
                    let mut cx = Context::from_waker(Waker::noop());
                    let _ = pin!(fd.async_io(Interest::Write, |_| Ok(()))).poll(&mut cx);
                    Ok(())
                };
                fd.async_io(Interest::Read, spend_inside)
                    .await
                    .expect("no error");
            }
        ),
        row!(
            Ready,
            "Future for reactor::AsyncIo",
            "it fails",
            {
                let fd = zero();
            },
            {
                let fail = |_: &File| Err::<(), _>(std::io::ErrorKind::InvalidInput.into());
                fd.async_io(Interest::Write, fail).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "reactor::Wait::poll_io",
            "there is more",
            {
                let fd = zero();
            },
            {
                let mut wait = Wait::new(&fd);
                let call = Operation::<Reading>::new("test");
                poll_fn(|cx| wait.poll_io(cx, call, |mut file| file.read(&mut [1; 8])))
                    .await
                    .expect("zeros");
            }
        ),
        row!(
            Ready,
            "reactor::Wait::poll_transfer",
            "there is more",
            {
                let fd = zero();
            },
            {
                let mut wait = Wait::new(&fd);
                let call = Operation::<Reading>::new("test");
                poll_fn(|cx| wait.poll_transfer(cx, call, 8, |mut file| file.read(&mut [1; 8])))
                    .await
                    .expect("zeros");
            }
        ),
        row!(
            Ready,
            "reactor::Wait::poll_ready",
            "there is room",
            {
                let (fd, _peer) = readable();
            },
            {
                let mut wait = Wait::new(&fd);
                poll_fn(|cx| wait.poll_ready(cx, Operation::<Writing>::new("test")))
                    .await
                    .expect("writable");
            }
        ),
        row!(
            Ready,
            "reactor::Wait::poll_nothing",
            "as it is",
            {
                let fd = zero();
            },
            {
                let mut wait = Wait::<_, Reading>::new(&fd);
                poll_fn(|cx| wait.poll_nothing(cx)).await;
            }
        ),
        row!(
            Ready,
            "Future for reactor::Recv",
            "raised in each round",
            {
                let mut signals = signal(KIND).expect("a handler");
            },
            {
                raise(KIND);
                signals.recv().await.expect("one");
            }
        ),
        row!(
            Ready,
            "Stream for reactor::Signal",
            "raised in each round",
            {
                let mut signals = signal(KIND).expect("a handler");
            },
            {
                raise(KIND);
                signals.next().await.expect("no end").expect("one");
            }
        ),
        row!(
            Ready,
            "reactor::Signal::poll_recv",
            "raised in each round",
            {
                let mut signals = signal(KIND).expect("a handler");
            },
            {
                raise(KIND);
                poll_fn(|cx| signals.poll_recv(cx)).await.expect("one");
            }
        ),
        row!(
            Ready,
            "Future for reactor::CtrlC",
            "raised in each round",
            {
                // A loop that gives way between two rounds has not taken the last one yet.
                end_at_second_ctrl_c(false);
                let told = ctrl_c();
                raise(SignalKind::interrupt());
                told.await.expect("one");
            }
        )
        // Two at a time might be one too many for a process.
        .alone(),
    ]
}
