//! [`Core`]: what the handles, the futures and the waker of an outbox share; who writes, and when.
//!
//! # The right to write
//!
//! `State::writer` is the right to write, and with it goes the front of the queue. Who takes it out, under the lock, writes
//! with no lock held, and puts it back under the lock. So there is one at a time, bytes go in order, and nobody waits for
//! a system call. Who comes meanwhile, a sender or the waker, leaves what it has for the holder:
//!
//! - a sender adds its message to `incoming`;
//! - the waker sets `notified`;
//! - who ends the outbox sets `failure`.
//!
//! The holder looks at all three, under the lock, before it puts the writer back: none of them is missed.
//!
//! # Invariants
//!
//! - **O1.** While the writer is in its place, `incoming` is not empty only if the batch is not: messages that nobody
//!   writes have a first one that waits for room.
//! - **O2.** While the writer is in its place and its batch is not empty, this core's waker is at the descriptor, or its
//!   wake is on its way. That wake takes the writer.
//! - **O3.** `queued` is the number of bytes that are in neither the kernel nor a settled message. It is counted down
//!   before the messages are settled, so that who awaits one finds room.
//! - **O4.** A message is settled once: by the holder of the writer, for the batch it holds.
//! - **O5.** `failure` is set once. From there on nothing is sent, and when the writer is back, `left` is set, nothing is
//!   queued, and no waker of this core is anywhere: it keeps the stream open no longer than its owners do.
//! - **O6.** `is_over` rises when more than `high` bytes are queued, and falls when `low` or fewer are.
//!
//! # Lock order
//!
//! The state's lock, and a completion's, are leaves: neither is held while the other is taken, nor during a system call,
//! nor while a waker is cloned, woken or dropped.

use super::failure::Failure;
use super::message::Message;
use super::queue::Queue;
use super::sent::{Completion, Sent};
use super::watermarks::Watermarks;
use crate::StreamSocket;
use crate::waiting::{Key, Waiting};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Wake, Waker};
use waterwheel_reactor::sys::socket;
use waterwheel_reactor::{AsyncFd, Call, Direction, Reactor, Stay, Writing};

const SEND: Call<Writing> = Call::new("Outbox::send");

/// How many messages go with one system call at most.
const MESSAGES: usize = 64;

/// How many bytes go before others have their turn, in the reactor whose turn it is.
const SHARE: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Core<S> {
    pub(super) stream: S,
    /// Where the stream is registered if it has to be, before the reactor of whoever finds that out.
    home: Weak<Reactor>,
    pub(super) watermarks: Watermarks,
    /// As the state has it, for who does not lock.
    queued: AtomicUsize,
    is_over: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    writer: Option<Writer>,
    incoming: Queue<Arc<Completion>>,
    queued: usize,
    /// The descriptor's waker was woken while somebody wrote.
    notified: bool,
    /// No message is taken any more; those that are queued still go.
    closing: bool,
    failure: Option<Failure>,
    left: Option<Left>,
    /// Those who wait until it is not over.
    room: Waiting,
    /// Those who wait until nothing is queued, or ever will go.
    end: Waiting,
}

/// The right to write.
#[derive(Debug)]
struct Writer {
    batch: Queue<Arc<Completion>>,
    stay: Stay<Writing>,
    /// Empty, but for the time of one step; it keeps its memory.
    complete: Vec<Arc<Completion>>,
}

/// What had not gone when an outbox failed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// How an outbox has come to its end.
pub(super) enum End {
    Drained,
    Failed(Failure, Left),
}

impl<S: StreamSocket> Core<S> {
    pub(super) fn new(stream: S, watermarks: Watermarks) -> Arc<Self> {
        let home = Reactor::current().map_or_else(Weak::new, |home| Arc::downgrade(&home));
        Arc::new(Self {
            stream,
            home,
            watermarks,
            queued: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            state: Mutex::new(State {
                writer: Some(Writer {
                    batch: Queue::new(),
                    stay: Stay::new(),
                    complete: Vec::new(),
                }),
                incoming: Queue::new(),
                queued: 0,
                notified: false,
                closing: false,
                failure: None,
                left: None,
                room: Waiting::default(),
                end: Waiting::default(),
            }),
        })
    }

    fn io(&self) -> &AsyncFd<OwnedFd> {
        self.stream.io()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under it, so that it is whole whatever has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Counts what is queued (O3), and tells who waits for room (O6).
    fn count(&self, state: &mut State, queued: usize, wakers: &mut Vec<Waker>) {
        state.queued = queued;
        self.queued.store(queued, Ordering::Relaxed);
        let was_over = self.is_over();
        if !was_over && queued > self.watermarks.high {
            self.is_over.store(true, Ordering::Relaxed);
        } else if was_over && queued <= self.watermarks.low {
            self.is_over.store(false, Ordering::Relaxed);
            state.room.take(wakers);
        }
    }

    pub(super) fn send(self: &Arc<Self>, message: Message) -> Sent {
        let length = message.len();
        let mut state = self.lock();
        if let Some(failure) = state.refusal() {
            return Sent::refused(length, failure);
        }
        let queued = state.queued + length;
        self.count(&mut state, queued, &mut Vec::new());
        match state.writer.take() {
            Some(writer) if writer.batch.is_empty() => {
                drop(state);
                self.send_first(writer, message)
            }
            writer => {
                state.writer = writer;
                let completion = Completion::new(length, 0);
                state.incoming.push(message, 0, Arc::clone(&completion));
                Sent::queued(length, completion)
            }
        }
    }

    /// Writes a message that nobody is before; queues what does not go.
    fn send_first(self: &Arc<Self>, mut writer: Writer, message: Message) -> Sent {
        let length = message.len();
        let sent = if length == 0 {
            Ok(0)
        } else {
            self.io().try_io(Direction::Write, |fd| {
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

    /// Writes what is queued until nothing is, or there is no room, or a share has gone. `sent` bytes have gone that are still
    /// counted as queued.
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

    /// Takes no messages any more. Those that are queued still go.
    pub(super) fn close(&self) {
        let mut wakers = Vec::new();
        let mut state = self.lock();
        state.closing = true;
        state.room.take(&mut wakers);
        drop(state);
        wake_all(wakers);
    }

    /// Waits until there is room, or never will be.
    pub(super) fn poll_room(
        &self,
        key: &mut Option<Key>,
        waker: &Waker,
    ) -> Poll<Result<(), Failure>> {
        let waker = waker.clone();
        let mut state = self.lock();
        if let Some(failure) = state.refusal() {
            return Poll::Ready(Err(failure));
        }
        if !self.is_over() {
            return Poll::Ready(Ok(()));
        }
        let displaced = state.room.store(key, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn leave_room(&self, key: Key) {
        let waker = self.lock().room.remove(key);
        drop(waker);
    }

    /// Waits until nothing is queued, or nothing will go any more.
    pub(super) fn poll_end(&self, key: &mut Option<Key>, waker: &Waker) -> Poll<End> {
        let waker = waker.clone();
        let mut state = self.lock();
        let writer_is_idle = state.writer.as_ref().is_some_and(|w| w.batch.is_empty());
        if writer_is_idle {
            if let (Some(failure), Some(left)) = (&state.failure, state.left) {
                return Poll::Ready(End::Failed(failure.clone(), left));
            }
            debug_assert!(state.incoming.is_empty(), "O1");
            return Poll::Ready(End::Drained);
        }
        let displaced = state.end.store(key, waker);
        drop(state);
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn leave_end(&self, key: Key) {
        let waker = self.lock().end.remove(key);
        drop(waker);
    }
}

impl State {
    /// Why no message is taken, if none is.
    fn refusal(&self) -> Option<Failure> {
        if self.failure.is_some() {
            return self.failure.clone();
        }
        self.closing
            .then(|| Failure::new(io::ErrorKind::BrokenPipe, "the outbox was closed"))
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

/// Wakes each. A waker that panics keeps nobody else from being woken, nor its panic from the panic hook.
fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            // The payload is the user's too, and may panic when it is dropped: then it is leaked.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TcpStream;
    use std::cell::RefCell;
    use std::io::Read;
    use std::net;
    use std::thread;

    type Window = Box<dyn Fn()>;

    thread_local! {
        /// What happens on this thread between the parking of the waker and the return of the writer.
        static WINDOW: RefCell<Option<Window>> = const { RefCell::new(None) };
    }

    pub(super) fn in_the_window() {
        if let Some(window) = WINDOW.take() {
            window();
        }
    }

    /// A wake that comes while the holder of the writer has parked already, and has not put it back: no other will come, for
    /// all the room that there can be is there.
    #[test]
    fn a_wake_in_the_window_is_not_lost() -> io::Result<()> {
        const LARGE: usize = 32 << 20;
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        let ours = net::TcpStream::connect(listener.local_addr()?)?;
        let mut theirs = listener.accept()?.0;
        let reactor = Reactor::new()?;
        let _entered = reactor.enter();
        let core = Core::new(TcpStream::from_std(ours)?, Watermarks::default());

        let watched = Arc::clone(&core);
        let turned = Arc::clone(&reactor);
        let reader = theirs.try_clone()?;
        WINDOW.set(Some(Box::new(move || {
            // The peer takes all that has gone, which makes room; and the reactor tells of that, once.
            let gone = LARGE - watched.queued();
            let mut all = vec![0; gone];
            (&reader).read_exact(&mut all).expect("it has gone");
            while !watched.lock().notified {
                turned.turn(None).expect("a turn");
            }
        })));
        let sent = core.send(vec![1; LARGE].into());
        assert!(WINDOW.take().is_none(), "it never had to wait");
        assert!(!sent.is_settled());

        let read_rest = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while theirs.read(&mut buffer).is_ok_and(|count| count > 0) {}
        });
        let waker = Waker::from(Arc::clone(&reactor));
        let mut sent = std::pin::pin!(sent);
        let mut cx = std::task::Context::from_waker(&waker);
        while std::future::Future::poll(sent.as_mut(), &mut cx)?.is_pending() {
            reactor.turn(None)?;
        }
        drop(core);
        read_rest.join().expect("the reader");
        Ok(())
    }
}
