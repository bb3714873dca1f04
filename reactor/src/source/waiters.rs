//! Who waits for a source: a slot a direction for the common case, and a slab for everybody else.
//!
//! Pure data; the lock around it is the source's. A future that waits keeps a [`WaitKey`], which names its place
//! *and* its turn there, so that a key that has outlived its waker finds nobody: it neither displaces nor removes
//! another task's.

use super::interest::Interest;
use super::readiness::Ready;
use slab::Slab;
use std::num::NonZeroU32;
use std::task::Waker;

/// The place of one waiting future. Eight bytes, also as an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitKey {
    id: Id,
    place: u32,
}

/// A waiter's number: no two waiters of a source have the same, but for 2³² waiters between them.
type Id = NonZeroU32;

/// The places that are slots. All others are keys of the slab.
const READ_SLOT: u32 = u32::MAX;
const WRITE_SLOT: u32 = u32::MAX - 1;

/// A slab of this capacity is left as it is while anybody waits there.
const KEEP: usize = 64;

#[inline]
const fn slot_of(direction: Interest) -> u32 {
    match direction {
        Interest::Read => READ_SLOT,
        Interest::Write => WRITE_SLOT,
    }
}

#[derive(Debug)]
struct Further {
    waker: Option<Waker>,
    id: Id,
    direction: Interest,
}

#[derive(Debug)]
pub(crate) struct Waiters {
    /// The two slots. Their wakers stand together, and so do their numbers: every connection has this, and pads nothing.
    read: Option<Waker>,
    write: Option<Waker>,
    /// Boxed: most sources never have a second waiter in one direction.
    more: Option<Box<Slab<Further>>>,
    read_id: Id,
    write_id: Id,
    next_id: Id,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self {
            read: None,
            write: None,
            more: None,
            read_id: Id::MIN,
            write_id: Id::MIN,
            next_id: Id::MIN,
        }
    }

    #[inline]
    fn slot(&mut self, direction: Interest) -> (&mut Option<Waker>, &mut Id) {
        match direction {
            Interest::Read => (&mut self.read, &mut self.read_id),
            Interest::Write => (&mut self.write, &mut self.write_id),
        }
    }

    #[inline]
    fn take_id(&mut self) -> Id {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(Id::MIN);
        id
    }

    /// Where the future of `key` has left its waker, if it still waits there.
    fn waiting(&mut self, key: WaitKey) -> Option<&mut Option<Waker>> {
        let (waker, id) = match key.place {
            READ_SLOT => (&mut self.read, self.read_id),
            WRITE_SLOT => (&mut self.write, self.write_id),
            place => {
                let further = self.more.as_mut()?.get_mut(place as usize)?;
                (&mut further.waker, further.id)
            }
        };
        (id == key.id && waker.is_some()).then_some(waker)
    }

    /// Stores `waker`: in the place of `key`, which is of the same direction, if that future still waits there, or else
    /// in a free one, which `key` then names. Returns a waker for the caller to drop once the lock is released.
    #[inline]
    #[must_use]
    pub(crate) fn store(
        &mut self,
        direction: Interest,
        key: &mut Option<WaitKey>,
        waker: Waker,
    ) -> Option<Waker> {
        if key.is_none() && self.has_free_slot(direction) {
            *key = Some(self.fill_slot(direction, waker));
            None
        } else {
            self.store_beside(direction, key, waker)
        }
    }

    #[inline]
    fn has_free_slot(&mut self, direction: Interest) -> bool {
        self.slot(direction).0.is_none()
    }

    /// Stores the waker of the only future that waits in a direction: the common case.
    #[inline]
    fn fill_slot(&mut self, direction: Interest, waker: Waker) -> WaitKey {
        let id = self.take_id();
        let (slot, slot_id) = self.slot(direction);
        debug_assert!(slot.is_none(), "nobody's waker is displaced");
        (*slot, *slot_id) = (Some(waker), id);
        let place = slot_of(direction);
        WaitKey { id, place }
    }

    /// [`store`](Self::store) for a future that has waited before, or beside another that waits.
    #[cold]
    fn store_beside(
        &mut self,
        direction: Interest,
        key: &mut Option<WaitKey>,
        waker: Waker,
    ) -> Option<Waker> {
        let Some(known) = *key else {
            *key = Some(self.store_further(direction, waker));
            return None;
        };
        let Some(place) = self.waiting(known) else {
            *key = None;
            return self.store(direction, key, waker);
        };
        if place.as_ref().is_some_and(|old| old.will_wake(&waker)) {
            Some(waker)
        } else {
            place.replace(waker)
        }
    }

    fn store_further(&mut self, direction: Interest, waker: Waker) -> WaitKey {
        let id = self.take_id();
        let key = self.more.get_or_insert_default().insert(Further {
            waker: Some(waker),
            id,
            direction,
        });
        let place = u32::try_from(key).ok().filter(|key| *key < WRITE_SLOT);
        let place = place.expect("fewer than 2^32 - 2 waiters on one source");
        WaitKey { id, place }
    }

    /// Removes the waker of a future that no longer waits.
    pub(crate) fn remove(&mut self, key: WaitKey) -> Option<Waker> {
        let waker = self.waiting(key)?.take();
        if key.place < WRITE_SLOT
            && let Some(more) = &mut self.more
        {
            more.remove(key.place as usize);
            if more.is_empty() {
                self.more = None;
            } else if more.capacity() > KEEP
                && more.len() <= more.capacity() / 4
                && more.len().is_power_of_two()
            {
                // What is behind the last one; that takes time by the slab's capacity, and is tried each time that half as many are left.
                more.shrink_to_fit();
            }
        }
        waker
    }

    /// Moves the wakers that `ready` concerns to `wakers`.
    #[inline]
    pub(crate) fn take(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        if ready.concerns(Interest::Read)
            && let Some(waker) = self.read.take()
        {
            wakers.push(waker);
        }
        if ready.concerns(Interest::Write)
            && let Some(waker) = self.write.take()
        {
            wakers.push(waker);
        }
        if self.more.is_some() {
            self.take_more(ready, wakers);
        }
    }

    #[cold]
    fn take_more(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        let Some(more) = &mut self.more else { return };
        more.retain(|_, further| {
            let concerned = ready.concerns(further.direction);
            if concerned {
                wakers.extend(further.waker.take());
            }
            !concerned
        });
        if more.is_empty() {
            self.more = None;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use Interest::{Read, Write};
    use std::sync::Arc;
    use std::task::Wake;

    struct Named;
    impl Wake for Named {
        fn wake(self: Arc<Self>) {}
    }

    fn waker() -> Waker {
        Waker::from(Arc::new(Named))
    }

    /// As [`Waiters::store`], with the key that it leaves.
    fn store(
        waiters: &mut Waiters,
        direction: Interest,
        mut key: Option<WaitKey>,
        waker: Waker,
    ) -> (WaitKey, Option<Waker>) {
        let back = waiters.store(direction, &mut key, waker);
        (key.expect("who waits has a key"), back)
    }

    fn taken(waiters: &mut Waiters, ready: Ready) -> usize {
        let mut wakers = Vec::new();
        waiters.take(ready, &mut wakers);
        wakers.len()
    }

    #[test]
    fn nobodys_waker_is_displaced() {
        let mut waiters = Waiters::new();
        for _ in 0..5 {
            let (_, displaced) = store(&mut waiters, Read, None, waker());
            assert!(displaced.is_none());
        }
        store(&mut waiters, Write, None, waker());
        assert_eq!(taken(&mut waiters, Ready::READ), 5);
        assert_eq!(taken(&mut waiters, Ready::READ), 0);
        assert_eq!(taken(&mut waiters, Ready::WRITE), 1);
    }

    #[test]
    fn a_future_polled_again_keeps_its_place() {
        let mut waiters = Waiters::new();
        let (first, second) = (waker(), waker());
        let (key, _) = store(&mut waiters, Read, None, first.clone());
        let (again, back) = store(&mut waiters, Read, Some(key), first.clone());
        assert_eq!(again, key);
        assert!(back.expect("the same waker comes back").will_wake(&first));
        let (moved, old) = store(&mut waiters, Read, Some(key), second);
        assert_eq!(moved, key);
        assert!(old.expect("the old waker comes back").will_wake(&first));
        assert_eq!(taken(&mut waiters, Ready::READ), 1);
    }

    /// Pitfall: a reused slab index removes another task's waker (compio#502).
    #[test]
    fn a_stale_key_finds_nobody() {
        let mut waiters = Waiters::new();
        let (slot, _) = store(&mut waiters, Read, None, waker());
        let (more, _) = store(&mut waiters, Read, None, waker());
        assert_eq!(taken(&mut waiters, Ready::READ), 2);
        store(&mut waiters, Read, None, waker());
        store(&mut waiters, Read, None, waker());
        assert!(waiters.remove(slot).is_none());
        assert!(waiters.remove(more).is_none());
        assert_eq!(taken(&mut waiters, Ready::READ), 2);
    }

    /// Pitfall: cancelled waiters accumulate (async-io).
    #[test]
    fn cancelled_waiters_leave_nothing() {
        let mut waiters = Waiters::new();
        let (held, _) = store(&mut waiters, Read, None, waker());
        for _ in 0..1000 {
            let (key, _) = store(&mut waiters, Read, None, waker());
            assert!(waiters.remove(key).is_some());
            assert!(waiters.remove(key).is_none(), "once");
        }
        assert!(waiters.more.is_none());
        let many: Vec<_> = (0..10_000)
            .map(|_| store(&mut waiters, Read, None, waker()).0)
            .collect();
        for key in many[1..].iter().rev() {
            assert!(waiters.remove(*key).is_some());
        }
        let more = waiters.more.as_ref().expect("one is left");
        assert!(more.capacity() <= KEEP, "the memory of many");
        assert!(waiters.remove(many[0]).is_some());
        assert!(waiters.more.is_none());
        assert!(waiters.remove(held).is_some());
        assert_eq!(taken(&mut waiters, Ready::BOTH), 0);
    }
}
