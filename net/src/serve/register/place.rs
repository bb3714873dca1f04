//! [`Place`]: the right to a connection, from before it is accepted until its future has been dropped.

use super::Register;
use crate::util::shrink;
use std::sync::Arc;
use waterwheel_executor::AbortHandle;

/// The connection that has a place.
#[derive(Debug)]
pub(super) struct Occupant {
    /// No two have the same, so that a place that has been left and taken again is told from before.
    serial: u64,
    /// `None`: not spawned yet.
    pub(super) task: Option<AbortHandle>,
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) enum Ending {
    Finished,
    Failed,
    Panicked,
    /// Its future was dropped.
    Cancelled,
}

impl Register {
    /// A place for a connection, unless there are as many as there may be, or the server has stopped.
    pub(in crate::serve) fn try_place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        if state.stopped || state.places.len() >= self.most {
            return None;
        }
        let serial = state.next_serial;
        state.next_serial += 1;
        let number = state.places.insert(Occupant { serial, task: None });
        drop(state);
        Some(Place {
            register: Arc::clone(self),
            number,
            serial,
            ending: None,
        })
    }

    /// The task of the connection at a place, which may have ended meanwhile. If the deadline has passed, the task is aborted.
    pub(in crate::serve) fn spawned(&self, (number, serial): (usize, u64), task: AbortHandle) {
        let mut state = self.lock();
        if state.cancelled {
            drop(state);
            return task.abort();
        }
        let here = state.places.get_mut(number);
        if let Some(occupant) = here.filter(|occupant| occupant.serial == serial) {
            occupant.task = Some(task);
        }
    }
}

/// The place of a connection, or of one that is about to be accepted. Dropped, it is free.
#[derive(Debug)]
pub(in crate::serve) struct Place {
    register: Arc<Register>,
    number: usize,
    serial: u64,
    /// `None`: there was no connection.
    ending: Option<Ending>,
}

impl Place {
    /// There is a connection. Until it says otherwise, it will have been cancelled.
    pub(in crate::serve) fn accepted(&mut self) {
        self.ending = Some(Ending::Cancelled);
        self.register.lock().counts.accepted += 1;
    }

    pub(in crate::serve) fn ends(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// What to tell the [register](Register::spawned) when the connection has a task.
    pub(in crate::serve) fn name(&self) -> (usize, u64) {
        (self.number, self.serial)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut occupant = None;
        self.register.wake(|state| {
            occupant = state.places.try_remove(self.number);
            shrink::slab(&mut state.places);
            let counts = &mut state.counts;
            match self.ending {
                None => {}
                Some(Ending::Finished) => counts.finished += 1,
                Some(Ending::Failed) => counts.failed += 1,
                Some(Ending::Panicked) => counts.panicked += 1,
                Some(Ending::Cancelled) => counts.cancelled += 1,
            }
        });
        drop(occupant);
    }
}
