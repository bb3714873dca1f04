//! [`Guests`]: the threads that are in `block_on` while somebody else has the first seat.
//!
//! A guest polls its own future, and what is pinned to its thread, and sleeps in a driver of its own. That has descriptors only from when its
//! future first waits for one, so that hundreds of threads may wait in `block_on` for tasks and for time. What it spawns goes to the
//! workers. It has a [`Seat`], for that driver, which nobody steals from. If it is stuck, workers take its turn, in a runtime of several
//! seats.

use crate::scheduler::seat::Seat;
use crate::shrink;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Guests {
    seats: Mutex<Vec<Arc<Seat>>>,
    /// How many there are, so that a runtime without guests does not pay for them.
    count: AtomicUsize,
}

impl Guests {
    pub(crate) fn come(&self, seat: Arc<Seat>) {
        let mut seats = lock(&self.seats);
        seats.push(seat);
        self.count.store(seats.len(), Ordering::SeqCst);
    }

    pub(crate) fn leave(&self, seat: &Arc<Seat>) {
        let mut seats = lock(&self.seats);
        seats.retain(|other| !Arc::ptr_eq(other, seat));
        shrink::vec(&mut seats);
        self.count.store(seats.len(), Ordering::SeqCst);
    }

    /// Those that are there.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Seat>> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        lock(&self.seats).clone()
    }

    pub(crate) fn anybody_awake(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
            && lock(&self.seats).iter().any(|seat| seat.moves.is_awake())
    }
}
