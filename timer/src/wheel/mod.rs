//! The timing wheel: pure data, without clock, lock or I/O.
//!
//! Ten levels of 64 slots hold entries by deadline, after Varghese and Lauck, *Hashed and Hierarchical
//! Timing Wheels* (SOSP 1987). A slot of level 0 is 256 nanoseconds, a slot of each next level 64 times as
//! much, so the levels span the whole `u64` and nothing ever wraps. A slot is only where an entry waits: it
//! fires by its exact deadline. The entries stand in a slab, and a slot names them by index, many in a chunk: so that those of a
//! slot can be read side by side, and not each after the one before, which with a million timers is most of what firing costs.
//!
//! | file | what is there |
//! |---|---|
//! | here | [`Wheel`]: insert, remove, reset |
//! | `expire` | what becomes due when time passes |
//! | `place`, `level`, `slot`, `bits` | which slot a deadline belongs to; the slots of a level; the entries of a slot; which slots are occupied |
//! | `slabs`, `entry`, `chunk`, `link`, `key` | the memory: entries, the chunks that name those of a slot, and how they refer to each other |
//! | `validate` | how a wheel checks itself |
//!
//! Invariants:
//! - *Placement.* A pending entry is in the slot [`Place::of`] its deadline and the time elapsed. So the slot need
//!   not be stored, and advancing the time must re-file exactly the entries whose place changes: those of the slot
//!   that the new time is in. Where in its slot it stands, the entry knows: its [`Position`].
//! - *Occupancy.* A bit of `occupied`, and of each level's bitmap, is set exactly when something is there.
//! - *Order.* Entries of equal deadlines are in the same slot always, in the order of their insertion. Whatever leaves
//!   or moves within the slot, no entry overtakes another.
//! - *Ownership.* An entry, pending or fired, is freed by [`Wheel::remove`] alone, so the key of a fired
//!   entry never names another one that took its place in the slab.

mod bits;
mod chunk;
mod entry;
mod expire;
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
    bits::lowest_one,
    entry::{Entry, Position},
    level::Level,
    link::Link,
    place::{LEVELS, Place},
    slabs::Slabs,
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
/// use waterwheel::time::Wheel;
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
            self.unfile(entry.deadline, entry.position);
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
        let (old, position) = (entry.deadline, entry.position);
        entry.deadline = deadline;
        self.unfile(old, position);
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
    fn unfile(&mut self, deadline: u64, position: Position) {
        let Place { level, slot } = Place::of(deadline, self.elapsed);
        self.levels[level].unlink(slot, &mut self.slabs, position);
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
