//! [`LocalTasks`]: the tasks that are pinned to one thread, as others know them.
//!
//! A thread has them from when it takes a slot until it leaves that. The slots but the first belong to one thread each, so theirs is made
//! with the runtime, and takes tasks before the thread has come. A pinned task is polled and dropped by that
//! thread alone: it is queued only in its worker's own queue or in the inbox here, and it is in the list here, which
//! its thread empties when it leaves. After that both are closed: what is still woken finds nobody, and what is still spawned
//! is refused.

use crate::scheduler::OwnedTasks;
use crate::scheduler::SharedQueue;
use crate::scheduler::Task;
use crate::scheduler::ending;
use std::sync::Arc;
use waterwheel_reactor::Reactor;

pub(crate) struct LocalTasks {
    /// Those that are not complete.
    pub(crate) owned: OwnedTasks,
    /// Those that other threads have made ready.
    pub(crate) inbox: SharedQueue,
    /// What the thread sleeps in.
    reactor: Arc<Reactor>,
}

impl LocalTasks {
    pub(crate) fn new(reactor: Arc<Reactor>) -> Arc<Self> {
        Arc::new(Self {
            owned: OwnedTasks::default(),
            inbox: SharedQueue::new(),
            reactor,
        })
    }

    /// Queues a task that has become ready on another thread, and wakes its own.
    pub(crate) fn deliver(&self, task: Task) {
        self.inbox.push(task);
        self.reactor.unpark();
    }

    /// Ends the tasks that are pinned here: drops their futures, on this thread, and takes no more. For the thread that it belongs to, or
    /// if none has ever come.
    pub(crate) fn end(&self) {
        ending::drain(&self.owned);
        drop(self.inbox.close());
    }

    /// Ends the thread's sleep, if it sleeps.
    pub(crate) fn unpark(&self) {
        self.reactor.unpark();
    }
}
