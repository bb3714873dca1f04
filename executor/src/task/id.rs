//! [`Id`]: a number for each task of the process.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one task, and no other of this process, ever.
///
/// Numbers grow with time on each thread, and say nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

/// Each thread takes this many numbers at a time, so that threads seldom meet there.
const BLOCK: u64 = 1024;

/// The first block is left out: no task is number zero.
static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The next number of this thread's block; none is left if it begins another.
    static NEXT: Cell<u64> = const { Cell::new(0) };
    /// The number of the task that runs on this thread, or zero.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

impl Id {
    pub(crate) fn next() -> Self {
        let mut next = NEXT.get();
        if next.is_multiple_of(BLOCK) {
            next = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK;
        }
        NEXT.set(next + 1);
        Self(next)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// The id of the task that runs on this thread: the one whose code calls this.
///
/// # Panics
///
/// When called outside a task, as in the future that was given to [`block_on`](crate::block_on()).
/// [`try_id`] does not.
///
/// # Examples
///
/// ```
/// waterwheel::block_on(async {
///     let mine = waterwheel::spawn(async { waterwheel::task::id() });
///     let another = waterwheel::spawn(async { waterwheel::task::id() });
///     assert_ne!(mine.await.unwrap(), another.await.unwrap());
/// });
/// ```
#[must_use]
#[track_caller]
pub fn id() -> Id {
    try_id().expect(
        "`task::id` was called outside a task; the future given to `block_on` is none: call it in what is spawned, \
         or ask `task::try_id`",
    )
}

/// The id of the task that runs on this thread, if one does.
///
/// # Examples
///
/// ```
/// assert!(waterwheel::task::try_id().is_none());
/// ```
#[must_use]
pub fn try_id() -> Option<Id> {
    match RUNNING.get() {
        0 => None,
        id => Some(Id(id)),
    }
}

/// The time in which a task's code runs on this thread.
pub(crate) struct Running {
    /// The task around it.
    outer: u64,
}

impl Running {
    /// The thread turns to a task, until it turns to another, or says that it runs [`none`](Self::none): a worker, or a thread of the
    /// pool, does nothing but run one task after the other.
    #[inline]
    pub(crate) fn turn_to(id: Id) {
        RUNNING.set(id.0);
    }

    /// The thread turns to something that is no task.
    #[inline]
    pub(crate) fn none() {
        RUNNING.set(0);
    }

    /// The thread leaves what it does for something that is no task, until this is dropped: a job may be in `block_on`.
    pub(crate) fn leave() -> Self {
        Self {
            outer: RUNNING.replace(0),
        }
    }

    /// The thread leaves what it does for a task, until this is dropped: it may be ended in the destructor of another.
    pub(crate) fn enter(id: Id) -> Self {
        Self {
            outer: RUNNING.replace(id.0),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.outer);
    }
}
