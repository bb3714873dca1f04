//! [`Waiting`]: the wakers of futures that wait for something that comes.
//!
//! All are taken when it comes. A key is good for the round that it was given in; one that has outlived its round finds
//! nobody, whoever has its place by then.

use super::shrink;
use slab::Slab;
use std::task::Waker;

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    wakers: Slab<Waker>,
    round: u64,
}

/// The place of one future.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    round: u64,
    place: usize,
}

impl Waiting {
    /// Stores a waker, in the place of `key` if that is still good. Returns what it displaces, to be dropped without a
    /// lock.
    #[must_use]
    pub(crate) fn store(&mut self, key: &mut Option<Key>, waker: Waker) -> Option<Waker> {
        if let Some(key) = key
            && key.round == self.round
            && let Some(place) = self.wakers.get_mut(key.place)
        {
            return Some(std::mem::replace(place, waker));
        }
        let place = self.wakers.insert(waker);
        *key = Some(Key {
            round: self.round,
            place,
        });
        None
    }

    /// Forgets a future that waits no more.
    #[must_use]
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        if key.round != self.round {
            return None;
        }
        let waker = self.wakers.try_remove(key.place);
        shrink::slab(&mut self.wakers);
        waker
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self, wakers: &mut Vec<Waker>) {
        if !self.wakers.is_empty() {
            self.round += 1;
            wakers.extend(
                std::mem::take(&mut self.wakers)
                    .into_iter()
                    .map(|(_, waker)| waker),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_former_round_finds_nobody() {
        let mut waiting = Waiting::default();
        let (mut old, mut new) = (None, None);
        assert!(waiting.store(&mut old, Waker::noop().clone()).is_none());
        assert!(
            waiting.store(&mut old, Waker::noop().clone()).is_some(),
            "its own place"
        );
        let mut wakers = Vec::new();
        waiting.take(&mut wakers);
        assert_eq!(wakers.len(), 1);
        assert!(waiting.store(&mut new, Waker::noop().clone()).is_none());
        assert!(waiting.remove(old.expect("stored")).is_none());
        assert!(waiting.remove(new.expect("stored")).is_some());
        assert!(waiting.remove(new.expect("stored")).is_none(), "once");
    }

    #[test]
    fn many_that_wait_no_more_leave_no_memory() {
        let mut waiting = Waiting::default();
        let mut keys = vec![None; 10_000];
        for key in &mut keys {
            assert!(waiting.store(key, Waker::noop().clone()).is_none());
        }
        for key in keys.split_off(1).into_iter().rev() {
            assert!(waiting.remove(key.expect("stored")).is_some());
        }
        assert!(waiting.wakers.capacity() <= 64);
        let mut wakers = Vec::new();
        waiting.take(&mut wakers);
        assert_eq!(wakers.len(), 1);
    }
}
