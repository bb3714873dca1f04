//! Writing what is queued: at once, and when the outbox's waker is woken. The rules are those of [`core`](super::core).

use super::core::{Core, Left, Writer};
use super::failure::Failure;
use super::message::Message;
use super::queue::Queue;
use super::sent::{Completion, Sent};
use crate::stream::StreamSocket;
use crate::util::contain::wake_all;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Interest, Operation, Writing};

const SEND: Operation<Writing> = Operation::new("Outbox::send");

/// How many messages go with one system call at most.
const MESSAGES: usize = 64;

/// How many completions the writer keeps room for between two writes.
const KEEP_COMPLETE: usize = 2 * MESSAGES;

/// How many bytes go before others have their turn, in the reactor whose turn it is.
const SHARE: usize = 1 << 20;

impl<S: StreamSocket> Core<S> {
    fn io(&self) -> &AsyncFd<OwnedFd> {
        self.stream.io()
    }

    /// Writes a message that nobody is before; queues what does not go.
    pub(super) fn send_first(self: &Arc<Self>, mut writer: Writer, message: Message) -> Sent {
        let length = message.len();
        let sent = if length == 0 {
            Ok(0)
        } else {
            self.io().try_io(Interest::Write, |fd| {
                socket::send(fd.as_fd(), message.as_ref())
            })
        };
        match sent {
            Ok(sent) if sent == length => {
                self.flush(writer, sent);
                Sent::complete(length)
            }
            sent => {
                let written = *sent.as_ref().unwrap_or(&0);
                let completion = Completion::new(length, written);
                writer.batch.push(message, written, Arc::clone(&completion));
                match sent {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                        self.fail(writer, error.into());
                    }
                    _ => self.flush(writer, written),
                }
                Sent::queued(length, completion)
            }
        }
    }

    /// Writes what is queued until nothing is, or there is no room, or a share has gone. `sent` bytes have gone that
    /// are still counted as queued.
    fn flush(self: &Arc<Self>, mut writer: Writer, mut sent: usize) {
        let mut share = SHARE;
        let mut waits = false;
        loop {
            let mut wakers = Vec::new();
            let mut state = self.lock();
            if sent > 0 {
                let queued = state.queued - sent;
                self.count(&mut state, queued, &mut wakers);
            }
            let failed = state.failure.is_some();
            if !failed {
                writer.batch.append(&mut state.incoming);
                writer.batch.advance(0, &mut writer.complete);
                if writer.batch.is_empty() {
                    state.end.take(&mut wakers);
                }
                if writer.complete.is_empty()
                    && (writer.batch.is_empty() || waits && !state.notified)
                {
                    writer.batch.rest();
                    state.incoming.rest();
                    state.writer = Some(writer);
                    drop(state);
                    return wake_all(wakers);
                }
                state.notified = false;
            }
            drop(state);
            wakers.extend(writer.complete.drain(..).filter_map(|sent| sent.complete()));
            // There are more only of messages of no bytes.
            if writer.complete.capacity() > KEEP_COMPLETE {
                writer.complete = Vec::new();
            }
            wake_all(wakers);
            if failed {
                return self.abandon(writer);
            }
            if writer.batch.is_empty() {
                // Messages of no bytes were complete; look once more whether others have come.
                (sent, waits) = (0, false);
                continue;
            }
            (sent, waits) = if share == 0 {
                let waker = Waker::from(Arc::clone(self));
                share = SHARE;
                let told = self.at_home(|| writer.stay.next_turn(self.io(), SEND, &waker));
                // Not told, it goes on at once.
                (0, told.is_ok())
            } else {
                match self.write(&mut writer) {
                    Poll::Ready(Ok(0)) => {
                        let reason = "the kernel took nothing, and said no reason";
                        let failure = Failure::new(io::ErrorKind::WriteZero, reason);
                        return self.fail(writer, failure);
                    }
                    Poll::Ready(Ok(sent)) => (sent, false),
                    Poll::Ready(Err(error)) => return self.fail(writer, error.into()),
                    Poll::Pending => {
                        #[cfg(test)]
                        tests::in_the_window();
                        (0, true)
                    }
                }
            };
            share = share.saturating_sub(sent);
        }
    }

    /// One system call with the front of the batch. Pending, the waker is at the descriptor.
    fn write(self: &Arc<Self>, writer: &mut Writer) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MESSAGES];
        let (count, wanted) = writer.batch.next(&mut slices);
        let slices = &slices[..count];
        let send = |fd: &OwnedFd| match slices {
            [one] => socket::send(fd.as_fd(), one),
            many => socket::send_vectored(fd.as_fd(), many),
        };
        let wanted = wanted.min(socket::MAX_TRANSFER);
        let waker = || Waker::from(Arc::clone(self));
        let stay = &mut writer.stay;
        let sent =
            self.at_home(
                || match stay.poll_transfer(self.io(), SEND, wanted, send, waker) {
                    Poll::Ready(sent) => sent.map(Some),
                    Poll::Pending => Ok(None),
                },
            );
        match sent {
            Ok(None) => Poll::Pending,
            Ok(Some(sent)) => {
                writer.batch.advance(sent, &mut writer.complete);
                if let Some((written, completion)) = writer.batch.front() {
                    completion.progressed(written);
                }
                Poll::Ready(Ok(sent))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Runs `f`, which may register the descriptor, where that finds the outbox's own reactor; then, if that is no
    /// good any more, where it finds this thread's.
    fn at_home<R>(&self, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let Some(home) = self.home.upgrade() else {
            return f();
        };
        let result = {
            let _entered = home.enter();
            f()
        };
        match result {
            // An error of the connection comes again, or has been told of, and then the kernel says `EPIPE`.
            Err(error) if error.raw_os_error().is_none() => f(),
            result => result,
        }
    }

    /// Ends the outbox with a failure, for who has the writer.
    fn fail(self: &Arc<Self>, writer: Writer, failure: Failure) {
        self.lock().failure.get_or_insert(failure);
        self.abandon(writer);
    }

    /// Ends the outbox with a failure, for whom has not. What is queued is settled at once, unless somebody writes: then
    /// by who does, as soon as it is back from its system call.
    pub(super) fn fail_from_outside(self: &Arc<Self>, failure: Failure) {
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        state.failure = Some(failure);
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            self.abandon(writer);
        }
    }

    /// Gives up what is queued, after `failure` was set, and puts the writer back for good (O5).
    fn abandon(self: &Arc<Self>, mut writer: Writer) {
        writer.stay.leave(self.io());
        let mut wakers = Vec::new();
        let mut state = self.lock();
        let mut queue = std::mem::replace(&mut writer.batch, Queue::new());
        queue.append(&mut state.incoming);
        let failure = state.failure.clone();
        let failure = failure.expect("an outbox is abandoned because it has failed");
        state.left = Some(Left {
            messages: queue.len(),
            bytes: state.queued,
        });
        self.count(&mut state, 0, &mut wakers);
        // There may have been some that wait though it was not over: who asks at the very moment.
        state.room.take(&mut wakers);
        state.end.take(&mut wakers);
        let complete = std::mem::take(&mut writer.complete);
        state.writer = Some(writer);
        drop(state);
        wakers.extend(complete.into_iter().filter_map(|sent| sent.complete()));
        let failed = queue.into_completions();
        wakers.extend(failed.filter_map(|unsent| unsent.fail(&failure)));
        wake_all(wakers);
    }
}

/// The waker of the outbox: it goes on writing.
impl<S: StreamSocket> Wake for Core<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.left.is_some() {
            // It was on its way when the outbox failed.
            return;
        }
        match state.writer.take() {
            Some(writer) => {
                drop(state);
                self.flush(writer, 0);
            }
            None => state.notified = true,
        }
    }
}

#[cfg(test)]
mod tests;
