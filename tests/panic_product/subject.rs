//! The future that is run, its output, the waker of who awaits it, and the ledger in which all of them write down what happens.

use crate::case::{By, Cancel, Case, FirstPoll, Panic, Place};
use std::future::Future;
use std::marker::PhantomData;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread::{self, ThreadId};
use waterwheel::AbortHandle;

/// What this test throws: about this nothing is printed.
pub(crate) struct Thrown {
    pub(crate) place: Place,
    again: bool,
}

/// What [`Thrown`] throws. It is nothing, as it may be leaked.
pub(crate) struct Again;

impl Thrown {
    /// From here on it can be dropped.
    pub(crate) fn caught(&mut self) -> Place {
        self.again = false;
        self.place
    }
}

impl Drop for Thrown {
    fn drop(&mut self) {
        if self.again {
            panic_any(Again);
        }
    }
}

#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// What has happened in one run.
pub(crate) struct Ledger {
    case: Case,
    pub(crate) polls: Count,
    pub(crate) futures_dropped: Count,
    /// The thread that has dropped the future.
    pub(crate) dropped_on: Mutex<Option<ThreadId>>,
    pub(crate) outputs_made: Count,
    pub(crate) outputs_delivered: Count,
    pub(crate) outputs_dropped: Count,
    pub(crate) wakers_made: Count,
    pub(crate) wakers_dropped: Count,
    pub(crate) woken: Count,
    /// How often the runtime's hook for panics was called.
    pub(crate) told_to_hook: Count,
    /// The waker of the task, of its first poll if that has pended.
    pub(crate) task_waker: Mutex<Option<Waker>>,
    /// The handle by which the task cancels itself.
    pub(crate) own_abort: Mutex<Option<AbortHandle>>,
    /// Whom the foreign waker wakes.
    pub(crate) main: Mutex<Option<Waker>>,
    /// Whether the foreign waker panics as it is told to.
    waker_is_armed: AtomicBool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(crate) fn new(case: Case) -> Arc<Self> {
        Arc::new(Self {
            case,
            polls: Count::default(),
            futures_dropped: Count::default(),
            dropped_on: Mutex::default(),
            outputs_made: Count::default(),
            outputs_delivered: Count::default(),
            outputs_dropped: Count::default(),
            wakers_made: Count::default(),
            wakers_dropped: Count::default(),
            woken: Count::default(),
            told_to_hook: Count::default(),
            task_waker: Mutex::default(),
            own_abort: Mutex::default(),
            main: Mutex::default(),
            waker_is_armed: AtomicBool::new(true),
        })
    }

    pub(crate) fn hook_is_called(&self) {
        self.told_to_hook.add();
    }

    fn throw_if_it_is_at(&self, place: Place) {
        let panic: Panic = self.case.panic;
        if panic.is_at(place) {
            panic_any(Thrown {
                place,
                again: panic.throws_again(),
            });
        }
    }

    /// The last waker of the test's own is about to be dropped.
    pub(crate) fn disarm_waker(&self) {
        self.waker_is_armed.store(false, SeqCst);
    }
}

/// How the poll of a task is held up by a thread that cancels it.
pub(crate) struct Held {
    pub(crate) is_polled: SyncSender<()>,
    pub(crate) may_go_on: Receiver<()>,
}

/// The future. `M` is `()`, or what is not `Send`.
pub(crate) struct Subject<M> {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) held: Option<Held>,
    pub(crate) marker: PhantomData<M>,
}

impl<M: Unpin> Future for Subject<M> {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let ledger = &self.ledger;
        let case = &ledger.case;
        ledger.polls.add();
        if ledger.polls.get() == 1 {
            match case.cancel {
                Cancel::During(By::Itself) => lock(&ledger.own_abort).take().unwrap().abort(),
                Cancel::During(By::Thread) => {
                    let held = self.held.as_ref().unwrap();
                    held.is_polled.send(()).unwrap();
                    held.may_go_on.recv().unwrap();
                }
                _ => {}
            }
            if case.first_poll == FirstPoll::Pends {
                *lock(&ledger.task_waker) = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        ledger.throw_if_it_is_at(Place::Poll);
        ledger.outputs_made.add();
        Poll::Ready(Output {
            ledger: Arc::clone(ledger),
            is_delivered: false,
        })
    }
}

impl<M> Drop for Subject<M> {
    fn drop(&mut self) {
        self.ledger.futures_dropped.add();
        *lock(&self.ledger.dropped_on) = Some(thread::current().id());
        self.ledger.throw_if_it_is_at(Place::FutureDrop);
    }
}

pub(crate) struct Output {
    ledger: Arc<Ledger>,
    is_delivered: bool,
}

impl Output {
    /// The test has it.
    pub(crate) fn arrive(mut self) {
        self.is_delivered = true;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_delivered {
            self.ledger.outputs_delivered.add();
        } else {
            self.ledger.outputs_dropped.add();
            self.ledger.throw_if_it_is_at(Place::OutputDrop);
        }
    }
}

/// A waker that counts what is made of it, wakes the main future, and panics as it is told to.
///
/// Its parts are written out, where `Wake` would do, so that each clone counts, and each may panic.
pub(crate) fn foreign_waker(ledger: &Arc<Ledger>) -> Waker {
    ledger.wakers_made.add();
    let data = Arc::into_raw(Arc::clone(ledger)).cast();
    // SAFETY: the data is a counted reference to a ledger, which is `Sync`; `clone` makes one more, `wake` and `drop` give theirs up.
    unsafe { Waker::from_raw(RawWaker::new(data, &FOREIGN)) }
}

static FOREIGN: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// Of each of these: `data` is of [`foreign_waker`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned keeps the ledger alive, and we make a reference for the new one.
    let ledger = unsafe {
        Arc::increment_strong_count(data.cast::<Ledger>());
        &*data.cast::<Ledger>()
    };
    ledger.wakers_made.add();
    RawWaker::new(data, &FOREIGN)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker is consumed, and its reference with it.
    let ledger = unsafe { Arc::from_raw(data.cast::<Ledger>()) };
    ledger.wakers_dropped.add();
    woken(&ledger);
    dropped(&ledger);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the ledger alive.
    woken(unsafe { &*data.cast::<Ledger>() });
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `wake`.
    let ledger = unsafe { Arc::from_raw(data.cast::<Ledger>()) };
    ledger.wakers_dropped.add();
    dropped(&ledger);
}

fn woken(ledger: &Ledger) {
    ledger.woken.add();
    let main = lock(&ledger.main).clone();
    if let Some(main) = main {
        main.wake();
    }
    ledger.throw_if_it_is_at(Place::Wake);
}

fn dropped(ledger: &Ledger) {
    if ledger.waker_is_armed.load(SeqCst) {
        ledger.throw_if_it_is_at(Place::WakerDrop);
    }
}
