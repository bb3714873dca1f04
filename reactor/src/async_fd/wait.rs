//! [`Wait`]: one future's stay at a descriptor, for those who write leaf futures.

use super::AsyncFd;
use super::interest_kind::InterestKind;
use super::operation::Operation;
use super::registration::Seen;
use crate::source::{Drained, WaitKey};
use crate::sys::socket::MAX_TRANSFER;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use waterwheel_poll_context::budget::{self, GaveWay};
use waterwheel_poll_context::contain::contain_panic;

/// What a leaf future holds to wait for a descriptor, in one direction at a time: that of the call it was last polled
/// with.
///
/// Many may wait for the same direction of the same descriptor, from many tasks: each has a place of its own, and
/// leaves it when it is dropped, so that a cancelled future leaves nothing behind and takes nothing along.
///
/// # Examples
///
/// A future that reads one byte from anything:
///
/// ```
/// use std::future::Future;
/// use std::io::{self, Read};
/// use std::os::fd::AsFd;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use waterwheel::reactor::{AsyncFd, Operation, Reading, Wait};
///
/// const READ_BYTE: Operation<Reading> = Operation::new("ReadByte");
///
/// struct ReadByte<'a, T: AsFd> {
///     wait: Wait<'a, T, Reading>,
/// }
///
/// impl<'a, T: AsFd> Future for ReadByte<'a, T>
/// where
///     for<'b> &'b T: Read,
/// {
///     type Output = io::Result<u8>;
///
///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
///         self.wait.poll_io(cx, READ_BYTE, |mut fd| {
///             let mut byte = [0];
///             fd.read_exact(&mut byte).map(|()| byte[0])
///         })
///     }
/// }
///
/// waterwheel::block_on(async {
///     let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
///     let ours = AsyncFd::new(ours)?;
///     io::Write::write_all(&mut theirs, b"!")?;
///     let wait = Wait::new(&ours);
///     assert_eq!(ReadByte { wait }.await?, b'!');
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
///
/// Its direction is part of its type, so that one place is never asked to serve for the other:
///
/// ```compile_fail,E0308
/// use std::os::fd::OwnedFd;
/// use std::task::Context;
/// use waterwheel::reactor::{Operation, Reading, Wait, Writing};
///
/// fn poll(wait: &mut Wait<'_, OwnedFd, Reading>, cx: &mut Context<'_>) {
///     let _ = wait.poll_ready(cx, Operation::<Writing>::new("poll"));
/// }
/// ```
#[derive(Debug)]
#[must_use = "it waits for nothing until it is polled"]
pub struct Wait<'a, T: AsFd, W: InterestKind> {
    fd: &'a AsyncFd<T>,
    way: PhantomData<W>,
    key: Option<WaitKey>,
    gave_way: GaveWay,
}

impl<'a, T: AsFd, W: InterestKind> Wait<'a, T, W> {
    /// A stay at `fd`, which begins when it is first polled to pending.
    #[inline]
    pub fn new(fd: &'a AsyncFd<T>) -> Self {
        Self {
            fd,
            way: PhantomData,
            key: None,
            gave_way: GaveWay::NO,
        }
    }

    /// The descriptor.
    #[inline]
    #[must_use]
    pub fn fd(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// Runs `operation` until it gives something else than `WouldBlock`, waiting in between, for `operation`'s direction.
    ///
    /// `operation` must be one non-blocking system call, or several of which the first may say `WouldBlock`; it is
    /// called again from the start. The descriptor is registered at the first `WouldBlock`.
    ///
    /// # Errors
    ///
    /// What `operation` gives, and what `epoll_ctl(2)` gives if the descriptor cannot be registered.
    ///
    /// # Panics
    ///
    /// If it must wait, and the thread is in no runtime.
    #[inline]
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        call: Operation<W>,
        mut operation: impl FnMut(&'a T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_seen(cx, call, |fd, _| operation(fd))
    }

    /// The loop of [`poll_io`](Self::poll_io); `operation` is told what was seen before it.
    #[inline(always)]
    fn poll_seen<R>(
        &mut self,
        cx: &mut Context<'_>,
        call: Operation<W>,
        mut operation: impl FnMut(&'a T, Seen<'a>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_left(cx, &mut self.gave_way));
        loop {
            let seen = self.fd.see();
            if seen.is_ready(W::INTEREST) {
                match operation(self.fd.get_ref(), seen) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if let Err(error) = self.fd.would_block(seen, call) {
                            return Poll::Ready(Err(error));
                        }
                        continue;
                    }
                    result => {
                        // Ready again: the waker is taken, or about to be (see `source/mod.rs`).
                        self.key = None;
                        budget::spend();
                        return Poll::Ready(result);
                    }
                }
            }
            if seen.park(W::INTEREST, &mut self.key, cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), for a transfer of up to `wanted` bytes through a *stream socket*.
    ///
    /// When it carries less than `wanted`, and more than nothing, the kernel has no more to give or to take for now:
    /// the next transfer waits at once, and the system call that would have said `WouldBlock` is saved. `epoll(7)`
    /// warrants this for stream sockets and pipes; for datagrams and terminals a short transfer says nothing. Nor does a short
    /// *read* of a Unix stream, whatever that page says: it stops behind bytes that a descriptor was sent along with (`SCM_RIGHTS`).
    ///
    /// # Errors
    ///
    /// As [`poll_io`](Self::poll_io).
    ///
    /// # Panics
    ///
    /// As [`poll_io`](Self::poll_io).
    #[inline(always)]
    pub fn poll_transfer(
        &mut self,
        cx: &mut Context<'_>,
        call: Operation<W>,
        wanted: usize,
        mut operation: impl FnMut(&'a T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.poll_seen(cx, call, |fd, seen| {
            let count = operation(fd)?;
            if count < wanted && count != 0 && count != MAX_TRANSFER {
                seen.drained(W::INTEREST, Drained::Short);
            }
            Ok(count)
        })
    }

    /// Waits until the kernel has said that the direction is ready, or closed, or in error.
    ///
    /// That it might be, because nobody has asked the kernel yet, is not enough: this waits for the kernel's report.
    /// Readiness is a hint: the next call may still say `WouldBlock` ([`AsyncFd::try_io`] then makes
    /// this wait again).
    ///
    /// # Errors
    ///
    /// What `epoll_ctl(2)` gives if the descriptor cannot be registered.
    ///
    /// # Panics
    ///
    /// As [`poll_io`](Self::poll_io).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>, call: Operation<W>) -> Poll<io::Result<()>> {
        ready!(budget::poll_left(cx, &mut self.gave_way));
        loop {
            let seen = self.fd.see();
            if !seen.is_registered() {
                // Nothing is known of it. Epoll tells the present state when a descriptor is added.
                if let Err(error) = self.fd.would_block(seen, call) {
                    return Poll::Ready(Err(error));
                }
            } else if seen.is_reported(W::INTEREST) {
                self.key = None;
                budget::spend();
                return Poll::Ready(Ok(()));
            } else if seen.is_ready(W::INTEREST) {
                // The other direction has registered it, and nobody has asked about this one: the report is on its way (R5
                // of `readiness.rs`). With the assumption gone, who parks finds «not ready», as `source/mod.rs` wants it.
                seen.forget_assumption(W::INTEREST);
            } else if seen.park(W::INTEREST, &mut self.key, cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Ready without a call, for a future that has nothing to transfer: spends of the task's
    /// [budget](waterwheel_poll_context::budget), as the others do, and pends when nothing is left.
    #[inline]
    pub fn poll_nothing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        budget::poll_spend(cx, &mut self.gave_way)
    }

    /// Takes the waker back: it does not wait any more.
    #[cold]
    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            contain_panic(|| self.fd.forget_waker(key));
        }
    }
}

impl<T: AsFd, W: InterestKind> Drop for Wait<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        if self.key.is_some() {
            self.leave();
        }
    }
}
