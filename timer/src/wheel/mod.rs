//! The timing wheel: pure data, without clock, lock or I/O.
//!
//! Ten levels of 64 slots hold entries by deadline, after Varghese and Lauck, *Hashed and Hierarchical
//! Timing Wheels* (SOSP 1987). A slot of level 0 is 256 nanoseconds, a slot of each next level 64 times as
//! much, so the levels span the whole `u64` and nothing ever wraps. A slot is only where an entry waits: it
//! fires by its exact deadline. The entries stand in a slab, and a slot names them by index, many in a chunk: so that those of a
//! slot can be read side by side, and not each after the one before, which with a million timers is most of what firing costs.
//!
//! Invariants:
//! - *Placement.* A pending entry is in the slot [`Place::of`] its deadline and the time elapsed. So the slot need
//!   not be stored, and advancing the time must re-file exactly the entries whose place changes: those of the slot
//!   that the new time is in. Where in its slot it stands, the entry knows: its [`Seat`].
//! - *Occupancy.* A bit of `occupied`, and of each level's bitmap, is set exactly when something is there.
//! - *Order.* Entries of equal deadlines are in the same slot always, in the order of their insertion. Whatever leaves
//!   or moves within the slot, no entry overtakes another.
//! - *Ownership.* An entry, pending or fired, is freed by [`Wheel::remove`] alone, so the key of a fired
//!   entry never names another one that took its place in the slab.

mod bits;
mod chunk;
mod entry;
mod key;
mod level;
mod link;
mod place;
mod slabs;
mod slot;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(any(test, debug_assertions))]
mod validate;

use std::{fmt, task::Waker};

pub(crate) use self::entry::Due;
pub use self::key::Key;
use self::{
    bits::{lowest_one, ones, up_to},
    chunk::{Chunk, PLACES},
    entry::{Entry, Seat},
    level::Level,
    link::Link,
    place::{LEVELS, Place, SLOTS, digit, highest_difference},
    slabs::Slabs,
    slot::Content,
};

/// Entries that an empty wheel keeps room for: 32 KiB. What a greater crowd needed is given back.
const KEPT_CAPACITY: usize = 1024;

/// A hierarchical timing wheel: wakers by deadline, in nanoseconds.
///
/// The unit is the caller's: a wheel has no clock, and [`expire`](Wheel::expire) tells it the time. Insert,
/// remove and reset are O(1); firing is O(1) an entry and level, and O(n log n) in the number of entries
/// that fire at once, which are sorted by deadline.
///
/// ```
/// use std::task::Waker;
/// use waterwheel::timer::Wheel;
///
/// let mut wheel = Wheel::new();
/// let early = wheel.insert(1_000, Waker::noop().clone());
/// let late = wheel.insert(2_000_000_000, Waker::noop().clone());
/// assert_eq!(wheel.next_deadline(), Some(1_000));
///
/// wheel.expire(999, &mut |_waker| unreachable!("nothing is due yet"));
/// let mut fired = 0;
/// wheel.expire(1_000, &mut |waker| {
///     waker.wake();
///     fired += 1;
/// });
/// assert_eq!(fired, 1);
/// assert!(wheel.is_fired(&early) && !wheel.is_fired(&late));
///
/// wheel.remove(early);
/// wheel.remove(late);
/// assert!(wheel.is_empty());
/// ```
pub struct Wheel {
    /// The latest time told to [`Wheel::expire`].
    elapsed: u64,
    /// Entries that have not fired.
    pending: usize,
    /// The levels that are not empty, one bit each.
    occupied: u64,
    levels: [Level; LEVELS],
    slabs: Slabs,
    #[cfg(any(test, debug_assertions))]
    progress: validate::Progress,
}

impl Wheel {
    /// An empty wheel at time 0. It allocates nothing until the first insertion.
    #[must_use]
    pub const fn new() -> Self {
        Wheel::at(0)
    }

    /// An empty wheel at the time given.
    #[must_use]
    pub const fn at(elapsed: u64) -> Self {
        Wheel {
            elapsed,
            pending: 0,
            occupied: 0,
            levels: [Level::EMPTY; LEVELS],
            slabs: Slabs::EMPTY,
            #[cfg(any(test, debug_assertions))]
            progress: validate::Progress::NEW,
        }
    }

    /// Files a waker under a deadline. A deadline that has passed fires at the next [`Wheel::expire`].
    ///
    /// # Panics
    ///
    /// At 2^32 - 2 entries, fired ones included.
    #[inline]
    pub fn insert(&mut self, deadline: u64, waker: Waker) -> Key {
        let link = Link::new(self.slabs.entries.insert(Entry::new(deadline, waker)));
        self.file(link, deadline);
        self.pending += 1;
        Key::new(link)
    }

    /// Takes an entry out, pending or fired. Returns its waker if it was pending, so that the caller may
    /// drop it where foreign code may run.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<Waker> {
        let entry = self.slabs.entries.remove(key.index());
        if entry.waker.is_some() {
            self.unfile(entry.deadline, entry.seat);
            self.pending -= 1;
        }
        if self.slabs.entries.is_empty() && self.slabs.entries.capacity() > KEPT_CAPACITY {
            self.release_memory();
        }
        entry.waker
    }

    /// Files an entry, pending or fired, under a new deadline and waker, as if it were inserted now.
    /// Returns the waker that this displaces.
    pub fn reset(&mut self, key: &Key, deadline: u64, waker: Waker) -> Option<Waker> {
        let displaced = self.slabs.entries[key.index()].waker.replace(waker);
        if displaced.is_some() {
            self.move_to(key, deadline);
        } else {
            self.slabs.entries[key.index()].deadline = deadline;
            self.file(key.link(), deadline);
            self.pending += 1;
        }
        displaced
    }

    /// Files a pending entry under a new deadline and keeps its waker. Returns false, and does nothing, if
    /// the entry has fired and so has no waker.
    pub fn refile(&mut self, key: &Key, deadline: u64) -> bool {
        let pending = !self.is_fired(key);
        if pending {
            self.move_to(key, deadline);
        }
        pending
    }

    /// Gives a pending entry another waker, and returns the displaced one. Of an entry that has fired, the
    /// displaced one is the waker given, as it would never be woken.
    #[inline]
    pub fn set_waker(&mut self, key: &Key, waker: Waker) -> Option<Waker> {
        match &mut self.slabs.entries[key.index()].waker {
            Some(old) => Some(std::mem::replace(old, waker)),
            None => Some(waker),
        }
    }

    /// Whether the entry is pending and will wake the same task as `waker`.
    #[inline]
    #[must_use]
    pub fn will_wake(&self, key: &Key, waker: &Waker) -> bool {
        self.slabs.entries[key.index()]
            .waker
            .as_ref()
            .is_some_and(|own| own.will_wake(waker))
    }

    /// Whether the entry has fired. It stays in the wheel until it is removed or reset.
    #[inline]
    #[must_use]
    pub fn is_fired(&self, key: &Key) -> bool {
        self.slabs.entries[key.index()].waker.is_none()
    }

    /// The deadline under which the entry is, or was, filed.
    #[inline]
    #[must_use]
    pub fn deadline(&self, key: &Key) -> u64 {
        self.slabs.entries[key.index()].deadline
    }

    /// The latest time told to [`Wheel::expire`]; 0 before the first.
    #[inline]
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// The number of pending entries.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending
    }

    /// The number of entries, pending and fired, that have not been removed.
    #[inline]
    pub(crate) fn entries(&self) -> usize {
        self.slabs.entries.len()
    }

    /// Whether no entry is pending.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        debug_assert_eq!(
            self.pending == 0,
            self.occupied == 0,
            "every pending entry is filed"
        );
        self.pending == 0
    }

    /// When to call [`Wheel::expire`] next: no pending entry has an earlier deadline.
    ///
    /// It *is* the earliest deadline, except after that entry was removed or reset out of a slot in which
    /// others remain: then it may be too early, and an `expire` at that time makes progress towards the
    /// exact one.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        // The entries of a level share with `elapsed` every higher digit, and exceed it in this one: they
        // are due before those of any higher level. Within a level the same holds from slot to slot.
        let level = lowest_one(self.occupied)?;
        Some(self.levels[level].least())
    }

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

    /// Marks every entry as fired, whatever its deadline, without advancing the time; returns the wakers.
    pub(crate) fn clear(&mut self) -> Vec<Waker> {
        self.levels = [Level::EMPTY; LEVELS];
        self.slabs.chunks.clear();
        self.occupied = 0;
        self.pending = 0;
        self.slabs
            .entries
            .iter_mut()
            .filter_map(|(_, entry)| entry.waker.take())
            .collect()
    }

    /// Gives back the room that a crowd of entries needed, now that there are none.
    #[cold]
    fn release_memory(&mut self) {
        debug_assert!(self.slabs.entries.is_empty());
        self.slabs = Slabs::EMPTY;
    }

    /// Moves a filed entry to the place of another deadline.
    fn move_to(&mut self, key: &Key, deadline: u64) {
        let entry = &mut self.slabs.entries[key.index()];
        let (old, seat) = (entry.deadline, entry.seat);
        entry.deadline = deadline;
        self.unfile(old, seat);
        self.file(key.link(), deadline);
    }

    /// Puts an entry, which is in no slot, where its deadline belongs.
    #[inline]
    fn file(&mut self, entry: Link, deadline: u64) {
        let Place { level, slot } = Place::of(deadline, self.elapsed);
        self.levels[level].push_back(slot, &mut self.slabs, entry, deadline);
        self.occupied |= 1 << level;
    }

    /// Takes an entry out of its slot; the entry itself need not be in the slab any more.
    #[inline]
    fn unfile(&mut self, deadline: u64, seat: Seat) {
        let Place { level, slot } = Place::of(deadline, self.elapsed);
        self.levels[level].unlink(slot, &mut self.slabs, seat);
        self.note_level(level);
    }

    /// Clears the bit of a level that has become empty.
    #[inline]
    fn note_level(&mut self, level: usize) {
        if self.levels[level].is_empty() {
            self.occupied &= !(1 << level);
        }
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel::new()
    }
}

impl fmt::Debug for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("elapsed", &self.elapsed)
            .field("len", &self.pending)
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
