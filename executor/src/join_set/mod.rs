//! [`JoinSet`]: tasks that are awaited together, each as it ends.
//!
//! | module | what is there |
//! |---|---|
//! | here | the set: the join handles, and what is known to have ended |
//! | `completions` | the list that tasks add themselves to when they end, and its lock |
//! | `join_next` | [`JoinNext`], the future of [`JoinSet::join_next`] |
//! | `traits` | the set as a [`Stream`](futures_core::Stream), and as what collects futures |
//!
//! # What a completed task costs
//!
//! ```text
//! JoinSet ── handles:   Slab<JoinHandle>  ───────────────► task ── join waker: Notice { key, ─┐ }
//!         ── ended:     keys, taken from ─┐                                                   │
//!         ── completions: ────────────────┴─► Completions { keys, waker of who waits } ◄──────┘
//! ```
//!
//! The join waker that the set leaves with each task knows the task's key. When the task completes, it wakes that waker,
//! which adds the key to the list and wakes whoever awaits the set. The set takes the keys, all at once when it has none
//! left, and polls the handles of these keys and no others. So joining a task is O(1), however many others are there, and
//! takes the lock once for all that have ended since the last time. A spawn allocates the task and its notice.
//!
//! # Why nothing is lost
//!
//! - **Every task is told of once.** A join waker that is left is woken when the task completes, once, and by nobody else:
//!   it is the task's alone. If the task is over before the waker can be left (its runtime has ended), the set wakes it
//!   itself.
//! - **A key that is told of is complete.** The task's word says so before the waker is woken, and the list's lock
//!   orders the one before the other. So the handle of a key that was taken is ready.
//! - **A key is not reused too early.** It is free again when its handle has been taken out, which is after it was
//!   told of. Only [`JoinSet::detach_all`] lets go of handles that are still to be told of, and it gives the set a new
//!   list: a notice that is on its way finds the old one, where nobody looks.
//! - **What has ended is in the set.** A key leaves `completions` for `ended`, and `ended` in the step that returns the
//!   output. No future holds one, so to drop a [`JoinNext`] drops none.
//! - **Who waits is woken.** See [`Completions`]; and nobody leaves a waker there while `ended` has a key.

mod completions;
mod ended;
mod join_next;
mod traits;

use crate::{
    runtime::Handle, runtime::abort_handle::AbortHandle, runtime::join_handle::JoinHandle,
    task::join_error::JoinError,
};
use completions::Completions;
use ended::{output, wake};
pub use join_next::JoinNext;
use join_next::NextEnded;
use slab::Slab;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use waterwheel_poll_context::budget::GaveWay;

/// A set of tasks with outputs of one type, which are joined in the order in which they end.
///
/// Dropping the set aborts all its tasks. [`shutdown`](Self::shutdown) aborts them and waits until they are gone;
/// [`detach_all`](Self::detach_all) lets them go on by themselves.
///
/// To join a task takes constant time, however many others the set has. A task that has ended keeps its output
/// until it is joined.
///
/// The set is not bound to a runtime: it may be moved from task to task and from thread to thread, and hold tasks of
/// several runtimes. It is also a
/// [`Stream`](https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html) of what [`join_next`](Self::join_next) gives. Like that, the stream ends
/// when the set is empty, and goes on when there are tasks in it again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waterwheel::{JoinSet, sleep};
///
/// waterwheel::block_on(async {
///     let mut set = JoinSet::new();
///     for delay in [6, 2, 4] {
///         set.spawn(async move {
///             sleep(Duration::from_millis(delay)).await;
///             delay
///         });
///     }
///     let mut ended = Vec::new();
///     while let Some(delay) = set.join_next().await {
///         ended.push(delay.expect("no task panics"));
///     }
///     assert_eq!(ended, [2, 4, 6]);
/// });
/// ```
#[must_use = "dropping a `JoinSet` aborts its tasks"]
pub struct JoinSet<T> {
    /// Of every task that is not joined yet. A task's place here is its key.
    handles: Slab<JoinHandle<T>>,
    /// The keys of tasks that are over, in their order; they ended before those that `completions` has.
    ended: VecDeque<usize>,
    completions: Arc<Completions>,
    gave_way: GaveWay,
    /// Whether there have been many keys at a time since the set was empty.
    has_long_lists: bool,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self {
            handles: Slab::new(),
            ended: VecDeque::new(),
            completions: Arc::new(Completions::new()),
            gave_way: GaveWay::NO,
            has_long_lists: false,
        }
    }

    /// How many tasks there are, with those that have ended and are not joined yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether there is no task, not even one that has ended and is not joined yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Starts a task, as [`spawn`](crate::spawn()) does, in this set.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     let hanging = set.spawn(pending());
    ///     set.spawn(async { 7 });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    ///     hanging.abort();
    ///     assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.insert(crate::runtime::spawn::spawn(future))
    }

    /// Starts a task that stays on this thread, as [`spawn_local`](crate::spawn_local) does, in this set.
    ///
    /// The task stays on this thread; the set, if `T` is `Send`, may go to another one.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     let shared = Rc::new(5);
    ///     let theirs = Rc::clone(&shared);
    ///     set.spawn_local(async move { *theirs + 1 });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), *shared + 1);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert(crate::runtime::spawn::spawn_local(future))
    }

    /// Starts a task on another runtime, or from a thread that is in none, as [`Handle::spawn`] does, in this set.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::{JoinSet, Runtime};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let mut set = JoinSet::new();
    /// set.spawn_on(async { 7 }, runtime.handle());
    /// assert_eq!(runtime.block_on(set.join_next()).unwrap().unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, runtime: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.insert(runtime.spawn(future))
    }

    /// Runs a closure on a thread where it may block, as [`spawn_blocking`](crate::spawn_blocking) does, in this set.
    ///
    /// # Panics
    ///
    /// When called outside a runtime, and when the kernel gives no thread and the pool has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn_blocking(|| std::fs::read_to_string("/proc/self/comm"));
    ///     let name = set.join_next().await.unwrap().expect("the closure does not panic")?;
    ///     assert!(!name.is_empty());
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, run: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.insert(crate::runtime::spawn::spawn_blocking(run))
    }

    /// Waits for the next task to end, and takes it out: gives its output, or the [`JoinError`] that tells of a
    /// panic or a cancellation. Gives `None` at once if the set is empty.
    ///
    /// Tasks come in the order in which they ended. A task that joins and joins lets others run now and then, however
    /// many tasks have ended: each one that is joined counts as an operation, and so does `None` (see
    /// [`budget`](waterwheel_poll_context::budget)).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: a task leaves the set only together with its output.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set: JoinSet<usize> = ["one", "three"].map(|word| async { word.len() }).into_iter().collect();
    ///     let mut sum = 0;
    ///     while let Some(length) = set.join_next().await {
    ///         sum += length.unwrap();
    ///     }
    ///     assert_eq!(sum, 8);
    /// });
    /// ```
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext::new(self)
    }

    /// Polls for the next task to end: as [`join_next`](Self::join_next), for futures written by hand.
    ///
    /// If it pends, the waker of this call is woken when a task ends; that of an earlier call is not.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_ended(cx).map(|handle| handle.map(output))
    }

    /// Takes the next task that has ended already out, and gives its output. `None`: there is no such task.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 1 });
    ///     assert!(set.try_join_next().is_none());
    ///     waterwheel::yield_now().await;
    ///     assert_eq!(set.try_join_next().unwrap().unwrap(), 1);
    /// });
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        if self.ended.is_empty() {
            self.completions.take(&mut self.ended);
            self.keys_were_taken();
        }
        let key = self.ended.pop_front()?;
        Some(output(self.take_out(key)))
    }

    /// Asks for every task to be dropped, as [`AbortHandle::abort`] does. They stay in the set until they are joined.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(pending::<()>());
    ///     set.abort_all();
    ///     assert_eq!(set.len(), 1);
    ///     assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort_all(&self) {
        for (_, handle) in &self.handles {
            handle.abort();
        }
    }

    /// Aborts every task, and waits until all of them are over and their futures dropped. The set is empty then.
    ///
    /// Outputs, and panics, of tasks that end before they are aborted are dropped.
    ///
    /// # Cancel safety
    ///
    /// Once it has been polled, the tasks are aborted, whether or not the future is dropped after that. Those that it has
    /// not waited for are in the set still.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::rc::Rc;
    /// use waterwheel::JoinSet;
    ///
    /// waterwheel::block_on(async {
    ///     let resource = Rc::new(());
    ///     let theirs = Rc::clone(&resource);
    ///     let mut set = JoinSet::new();
    ///     set.spawn_local(async move {
    ///         let _theirs = theirs;
    ///         pending::<()>().await
    ///     });
    ///     set.shutdown().await;
    ///     assert!(set.is_empty());
    ///     assert_eq!(Rc::strong_count(&resource), 1);
    /// });
    /// ```
    pub async fn shutdown(&mut self) {
        self.abort_all();
        // Not joined, but dropped with their outputs in them: a panic of an output's destructor stays there (T7).
        while let Some(handle) = NextEnded::new(self).await {
            drop(handle);
        }
    }

    /// Lets all tasks go on by themselves, as dropping their [`JoinHandle`]s would. The set is empty then.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::{JoinSet, yield_now};
    ///
    /// waterwheel::block_on(async {
    ///     let (send, receive) = std::sync::mpsc::channel();
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async move { send.send(1).unwrap() });
    ///     set.detach_all();
    ///     drop(set);
    ///     yield_now().await;
    ///     assert_eq!(receive.try_recv(), Ok(1));
    /// });
    /// ```
    pub fn detach_all(&mut self) {
        let mut detached = std::mem::take(self);
        detached.handles.clear();
        // Who waits for one of them waits in vain.
        if let Some(waker) = detached.completions.take_waker() {
            wake(waker);
        }
    }
}
