//! How time passes in a wheel: what is due is taken out, and the rest of a slot that has begun is filed anew.

use std::task::Waker;

use super::{
    Wheel,
    bits::{ones, up_to},
    chunk::{Chunk, PLACES},
    entry::Due,
    link::Link,
    place::{Place, SLOTS, digit, highest_difference},
    slot::Content,
};

impl Wheel {
    /// Advances the time to `now`, and hands the wakers of all entries that are due (`deadline <= now`) to
    /// `fire`, in deadline order, ties in the order of insertion. A `now` before [`Wheel::elapsed`] counts
    /// as that: time does not go back.
    ///
    /// If `fire` panics, the wakers not yet handed out are dropped; the wheel stays sound, and their entries
    /// count as fired.
    pub fn expire(&mut self, now: u64, fire: &mut impl FnMut(Waker)) {
        for due in self.take_due(now) {
            fire(due.waker);
        }
    }

    /// The work of [`Wheel::expire`]: marks the due entries as fired, and returns their wakers in order.
    pub(crate) fn take_due(&mut self, now: u64) -> Vec<Due> {
        let now = now.max(self.elapsed);
        let top = highest_difference(self.elapsed, now);
        self.elapsed = now;
        let mut due = Vec::new();
        // Below `top`, everything agrees with the old time where the new one is greater, so has passed. At
        // `top`, slots before the new time's have passed, its own has in part. Above, no place changes.
        for level in ones(self.occupied & up_to(top)) {
            let last = if level == top {
                digit(now, top)
            } else {
                SLOTS - 1
            };
            for slot in ones(self.levels[level].occupied() & up_to(last)) {
                self.take_slot(Place { level, slot }, &mut due);
            }
        }
        self.pending -= due.len();
        #[cfg(debug_assertions)]
        self.check_seldom();
        due
    }

    /// Empties a slot: what is due goes to `due`, in order, the rest is filed relative to the new time.
    fn take_slot(&mut self, place: Place, due: &mut Vec<Due>) {
        // The whole slot is taken before anything is filed again, so that it cannot refill itself for ever. The entries left
        // over agree with the new time at this level, so they go to lower ones, or stay where they are if there is none.
        let taken = self.levels[place.level].take(place.slot);
        self.note_level(place.level);
        match taken.content() {
            Content::Nothing => {}
            Content::Alone(entry) => self.pass_on(entry, taken.least(), due),
            Content::Chunks(mut next) => {
                let first = due.len();
                while next != Link::NIL {
                    let chunk = self.slabs.remove_chunk(next);
                    next = chunk.next;
                    self.empty(&chunk, due);
                }
                // The next slots are later.
                due[first..].sort_by_key(|due| due.deadline);
            }
        }
    }

    /// The same for what stands in a chunk, in no order yet.
    fn empty(&mut self, chunk: &Chunk, due: &mut Vec<Due>) {
        // All are read before any is worked on: no such reading waits for another, as to know where an entry is one need not
        // have read the one before. With a million timers, nearly every one has to come from memory; so does its waker,
        // which as often as not is in another line of the cache.
        let mut deadlines = [0; PLACES];
        for (deadline, entry) in deadlines.iter_mut().zip(chunk.places()) {
            let entry = entry.index().map(|index| &self.slabs.entries[index]);
            if let Some(entry) = entry.filter(|entry| entry.waker.is_some()) {
                *deadline = entry.deadline;
            }
        }
        for (&deadline, &entry) in deadlines.iter().zip(chunk.places()) {
            if entry != Link::NIL {
                self.pass_on(entry, deadline, due);
            }
        }
    }

    /// Sees to an entry that has been taken out of its slot.
    #[inline]
    fn pass_on(&mut self, entry: Link, deadline: u64, due: &mut Vec<Due>) {
        if deadline <= self.elapsed {
            let waker = self.slabs.entry_mut(entry).waker.take();
            let waker = waker.expect("a filed entry has a waker");
            due.push(Due { deadline, waker });
        } else {
            self.file(entry, deadline);
        }
    }
}
