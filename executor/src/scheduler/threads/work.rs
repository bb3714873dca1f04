//! What the threads of a runtime do, from when they start until they end: one in each slot but the first, and the spare.

use super::close_slot;
use crate::blocking::abandoned::abandoned;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::{Main, Placement, Worker, WorkerGuard};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The thread of a slot.
pub(super) fn work_in(shared: &Arc<Shared>, slot: usize) {
    if work_in_slot(shared, slot, &mut ToTheEnd).is_break() {
        if !shared.is_here() {
            abandoned();
        }
        shared.threads.lose_worker(shared);
        // SAFETY: we have left it, and nobody takes it but this thread.
        unsafe { close_slot(shared, slot) };
    }
}

/// Breaks if the worker has died. Panics of what it runs for others do not come to here: its reactor cannot wait.
fn work_in_slot(
    shared: &Arc<Shared>,
    slot: usize,
    main: &mut impl Main<Output = ()>,
) -> ControlFlow<()> {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let guard = WorkerGuard::take(Arc::clone(shared), Placement::Slot(slot));
        guard.worker().run(main);
    }));
    match worked {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// The spare thread.
pub(super) fn work_as_spare(shared: &Arc<Shared>) {
    while shared.threads.spare_waits(shared).is_continue() {
        if work_in_slot(shared, 0, &mut UntilWanted).is_break() {
            if !shared.is_here() {
                abandoned();
            }
            // If the place is still meant for this thread, it is closed above.
            shared.threads.lose_worker(shared);
        }
    }
}

/// What a thread does that has a slot as long as the runtime lasts: nothing but the tasks.
struct ToTheEnd;

impl Main for ToTheEnd {
    type Output = ();

    fn step(&mut self, _: &Worker) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn turned(&mut self, worker: &Worker) -> ControlFlow<()> {
        if worker.shared.is_closing() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn is_due(&self) -> bool {
        false
    }
}

/// What the spare thread does: the same, until somebody who is in `block_on` wants the slot.
struct UntilWanted;

impl Main for UntilWanted {
    type Output = ();

    fn step(&mut self, _: &Worker) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn turned(&mut self, worker: &Worker) -> ControlFlow<()> {
        let wanted = worker.shared.threads.is_spare_wanted() && worker.local.owned.len() == 0;
        if wanted || worker.shared.is_closing() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn is_due(&self) -> bool {
        false
    }
}
