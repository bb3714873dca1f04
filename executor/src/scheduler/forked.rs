//! What a runtime is in a child that `fork` has made of its process: nothing that can be used.
//!
//! The threads are not there, the epoll instances are the parent's, and a lock that another thread held at the moment of the fork is
//! never given back. So a child that uses its parent's runtime gets a panic that says so, and one that drops what belongs to it leaves
//! that as it is, without a lock: tasks and their futures are neither polled nor dropped, threads are not waited for, wakes go nowhere.
//! A new runtime in the child has nothing to do with it.
//!
//! | in the child, of the parent's runtime | |
//! |---|---|
//! | `spawn` and its kin, `block_on`, `metrics`; a `JoinHandle` that would have to wait | [`assert_here`](Shared::assert_here) panics |
//! | `Runtime` dropped or shut down | `Threads::shut_down` returns at once |
//! | a task aborted or woken | `Shared::send` lets it go |
//! | the `block_on` that the child was forked in | goes on to the next poll or turn, which panics; its end leaves all (`WorkerGuard`) |
//! | a worker, or a thread for blocking jobs, that the child was forked on | [`abandoned`](crate::blocking::abandoned) ends the process |
//!
//! How it is told: see [`sys::fork`](waterwheel_reactor::sys::fork).

use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use waterwheel_reactor::sys::fork::Process;

impl Shared {
    /// Whether the present process has made this runtime.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.process.is_current()
    }

    /// Panics if the present process is a child of the one that has made this runtime. It is for paths that are taken often: where the
    /// kernel gives no page to tell by, it does not ask for the PID, and the child panics at its next turn.
    #[inline]
    pub(crate) fn assert_here(&self) {
        if self.forked.has_forked() {
            elsewhere();
        }
    }
}

/// Whether a thread that has this worker works for nobody: the runtime is the parent's.
pub(crate) fn is_inherited(worker: Option<&Worker>) -> bool {
    worker.is_some_and(|worker| !worker.shared.is_here())
}

#[cold]
#[inline(never)]
pub(crate) fn elsewhere() -> ! {
    panic!(
        "this runtime was made by another process, of which `fork` has made this one: its threads are not here, and its descriptors are \
         shared with the other. Make a new `Runtime` in this process, or call `exec` or `_exit` right after `fork`"
    )
}

/// The number of the present process, for timers, which know no system call.
pub(crate) fn process_number() -> u32 {
    Process::current().number().get()
}
