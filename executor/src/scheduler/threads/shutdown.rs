//! The end of a runtime, and what it waits for.

use super::state::State;
use super::{Locked, Member, Threads, close_slot};
use crate::scheduler::entered;
use crate::scheduler::local_tasks::LocalTasks;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use waterwheel_reactor::sys::clock::real_now;

impl Threads {
    /// Ends a runtime: no work is taken any more, every task is ended, and every thread told to leave. Waits for that until
    /// `deadline`, or as long as it takes. Once it has been called, another call returns at once, and so does each in a child of `fork`.
    ///
    /// `begun` runs when no more is taken, and no thread has been told to end anything yet, with the threads that are there; it must not use
    /// `Threads`.
    pub(crate) fn shut_down(
        &self,
        shared: &Arc<Shared>,
        deadline: Option<Instant>,
        begun: &mut dyn FnMut(&[&LocalTasks]),
    ) {
        if !shared.is_here() {
            return;
        }
        let present = {
            let mut locked = self.lock();
            if !locked.state.begin_end() {
                return;
            }
            let present = locked.state.present().to_vec();
            shared.refuse();
            for Member(local) in &present {
                local.owned.close();
            }
            let locals: Vec<&LocalTasks> = present.iter().map(|Member(local)| &**local).collect();
            begun(&locals);
            shared.set_closing();
            present
        };
        self.changed.notify_all();
        for Member(local) in &present {
            local.unpark();
        }
        shared.close();
        worker::with_current(|current| {
            if let Some(worker) = current
                && Arc::ptr_eq(&worker.shared, shared)
            {
                // It is in a task here, and so will not come to that before we return.
                worker.retire();
                self.cleared(&worker.local);
            }
        });
        let this_thread = thread::current().id();
        let mut locked = self.wait_for_others(this_thread, deadline);
        let handles = std::mem::take(&mut locked.handles);
        let end = locked.state.end();
        drop(locked);
        if end.closes_first {
            // SAFETY: no thread has it, and none takes it any more.
            unsafe { close_slot(shared, 0) };
        }
        if end.all_have_ended {
            let is_other = |handle: &thread::JoinHandle<()>| handle.thread().id() != this_thread;
            for handle in handles.into_iter().filter(is_other) {
                // A panic has been told of by the panic hook.
                let _ = handle.join();
            }
        }
    }

    /// Waits until all threads have ended what they had, or until the deadline. What the calling thread has, it ends when it returns.
    fn wait_for_others(
        &self,
        this_thread: ThreadId,
        deadline: Option<Instant>,
    ) -> MutexGuard<'_, Locked> {
        let mut locked = self.lock();
        let is_this = |handle: &thread::JoinHandle<()>| handle.thread().id() == this_thread;
        let own = locked.handles.iter().position(is_this);
        // If it has not come to its place, it is in a hook, and will not before we return.
        let own_local = own
            .and_then(|thread| self.locals.get(thread))
            .cloned()
            .map(Member);
        let has_ended =
            |state: &State<Member>| state.has_ended_but(own_local.as_ref(), own.is_some());
        while !has_ended(&locked.state) {
            locked = match deadline.map(|end| end.saturating_duration_since(real_now())) {
                None => self
                    .changed
                    .wait(locked)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(locked, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        locked
    }

    /// A worker has died, on this thread, which has no place any more. What it had to do nobody would do, so that whatever waits for that would
    /// do so for ever: the runtime ends, and each `block_on` panics.
    #[cold]
    pub(super) fn lose_worker(&self, shared: &Arc<Shared>) {
        self.lost.store(true, Ordering::Relaxed);
        // Before all else: a thread that ends the runtime meanwhile finds that this is under way, and waits for jobs, of which no more must come.
        drop(shared.blocking.close());
        // What destructors spawn is refused, and not an error.
        let _entered = entered::enter(Arc::clone(shared));
        self.shut_down(shared, Some(real_now()), &mut |_| ());
    }
}
