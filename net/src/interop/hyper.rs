//! The traits of hyper 1's `rt`; [`Executor`] and [`Timer`], by which hyper uses the runtime.
//!
//! hyper reads to memory that need not be initialized, and to say in safe code how much of it has been filled is to copy to it. So
//! bytes come by way of the [buffer](crate::util::thread_buffer) that everything on the worker's thread shares; a request is some
//! hundred of them.

use super::PollStream;
use crate::stream::StreamSocket;
use crate::util::thread_buffer::with_buffer;
use hyper::rt::{self, Read, ReadBufCursor, Sleep, Write};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
impl<S: StreamSocket> Read for PollStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut unfilled: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let received = with_buffer(|buffer| {
            let room = unfilled.remaining().min(buffer.len());
            let received = self.poll_recv(cx, &mut buffer[..room]);
            if let Poll::Ready(Ok(count)) = received {
                unfilled.put_slice(&buffer[..count]);
            }
            received
        });
        received.map_ok(drop)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
impl<S: StreamSocket> Write for PollStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, buffers)
    }
}

/// Runs what hyper spawns as tasks of the current runtime: as `waterwheel::spawn` does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Executor;

impl Executor {
    /// It has nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(waterwheel_executor::spawn(future));
    }
}

/// Gives hyper the sleeps of the current runtime, for its timeouts.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Timer;

impl Timer {
    /// It has nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(OwnSleep(waterwheel_timer::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(OwnSleep(waterwheel_timer::sleep_until(deadline)))
    }

    fn now(&self) -> Instant {
        waterwheel_timer::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<OwnSleep>() {
            Some(own) => own.get_mut().0.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

/// A sleep by the name that hyper knows it by.
struct OwnSleep(waterwheel_timer::Sleep);

impl Future for OwnSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Sleep for OwnSleep {}
