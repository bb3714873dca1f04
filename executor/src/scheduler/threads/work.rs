//! What the threads of a runtime do, from when they start until they end: one in each seat but the first, and the spare.

use super::close_seat;
use crate::blocking::abandoned::abandoned;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::{Chair, Main, Sitting, Worker};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The thread of a seat.
pub(super) fn work_in(shared: &Arc<Shared>, seat: usize) {
    if sit_in(shared, seat, &mut ToTheEnd).is_break() {
        if !shared.is_here() {
            abandoned();
        }
        shared.threads.lose_worker(shared);
        // SAFETY: we have left it, and nobody takes it but this thread.
        unsafe { close_seat(shared, seat) };
    }
}

/// Breaks if the worker has died. Panics of what it runs for others do not come to here: its reactor cannot wait.
fn sit_in(shared: &Arc<Shared>, seat: usize, main: &mut impl Main<Output = ()>) -> ControlFlow<()> {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let sitting = Sitting::take(Arc::clone(shared), Chair::Seat(seat));
        sitting.worker().run(main);
    }));
    match worked {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// The spare thread.
pub(super) fn work_as_spare(shared: &Arc<Shared>) {
    while shared.threads.spare_waits(shared).is_continue() {
        if sit_in(shared, 0, &mut UntilWanted).is_break() {
            if !shared.is_here() {
                abandoned();
            }
            // If the place is still meant for this thread, it is closed above.
            shared.threads.lose_worker(shared);
        }
    }
}

/// What a thread does that has a seat as long as the runtime lasts: nothing but the tasks.
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

/// What the spare thread does: the same, until somebody who is in `block_on` wants the seat.
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
