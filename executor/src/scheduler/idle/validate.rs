//! The word of the idle set counts those that sleep.

use super::{HALF, Idle, ONE_ASLEEP};
use crate::sync::{Ordering, lock};

impl Idle {
    /// # Panics
    ///
    /// If the word does not count the sleepers, or more workers search than there are.
    pub(crate) fn validate(&self) {
        let sleepers = lock(&self.sleepers);
        // The number of those asleep changes under the lock alone.
        let word = self.word.load(Ordering::Relaxed);
        assert_eq!(
            word / ONE_ASLEEP,
            sleepers.len(),
            "sleepers, and as counted"
        );
        assert!(sleepers.len() <= self.slots, "more sleep than there are");
        assert!(word & HALF <= self.slots, "more search than there are");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::tests::refuses;

    #[test]
    fn a_word_that_does_not_count_the_sleepers() {
        let idle = Idle::new(2);
        let _ = idle.sleep(1, false);
        idle.validate();
        lock(&idle.sleepers).clear();
        refuses("as counted", || idle.validate());
    }

    #[test]
    fn more_that_search_than_there_are() {
        let idle = Idle::new(2);
        idle.word.store(3, Ordering::Relaxed);
        refuses("more search", || idle.validate());
    }
}
