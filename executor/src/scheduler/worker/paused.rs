//! [`PausedRest`]: how a worker rests where time is paused: when nothing is ready in the whole runtime, one of its threads moves the clock.

use super::Worker;
use crate::scheduler::paused::{Paused, Rest};
use std::cell::Cell;
use std::sync::Arc;

pub(super) struct PausedRest {
    paused: Arc<Paused>,
    /// The round in which it has looked and found nothing.
    looked: Cell<Option<u64>>,
    /// Whether it has run anything since it slept.
    has_run: Cell<bool>,
}

impl PausedRest {
    pub(super) fn new(paused: Arc<Paused>) -> Self {
        Self {
            paused,
            looked: Cell::new(None),
            has_run: Cell::new(true),
        }
    }

    /// Something is about to be polled.
    pub(super) fn begins_work(&self) {
        self.looked.set(None);
        self.has_run.set(true);
    }

    /// Does what there is to do, in a paused runtime, for who has nothing ready: looks whether that is so; and then sleeps, or moves the
    /// clock.
    pub(super) fn rest(&self, worker: &Worker) {
        let paused = &self.paused;
        let own = &worker.slot.driver.reactor;
        let polls = |number| number < worker.shared.workers();
        let retry = worker.shared.blocking.make_up();
        if !worker.role.number().is_none_or(polls) {
            let awake = || worker.slot.progress.awake();
            worker.slot.driver.park_paused(retry, awake);
            return;
        }
        // From here on whatever is polled is noted.
        worker.rested.set(true);
        let Some(looked) = self.looked.take() else {
            let round = paused.begin_look(&worker.shared, own, self.has_run.take());
            worker.slot.progress.awake();
            // What the turn finds may concern others.
            if worker.slot.driver.turn_now() > 0 {
                self.has_run.set(true);
            } else {
                self.looked.set(Some(round));
            }
            return;
        };
        match paused.confirm(&worker.shared, own, looked) {
            Rest::LookAgain => worker.slot.progress.awake(),
            Rest::Sleep => {
                worker.slot.counters.parks.add(1);
                let found = worker.slot.driver.park_paused(retry, || {
                    paused.awake(own);
                    worker.slot.progress.awake();
                });
                self.has_run.set(found > 0);
            }
        }
    }
}
