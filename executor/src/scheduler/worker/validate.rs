//! What a worker checks of its runtime at every turn, in builds with `debug_assertions`; there is nothing of this in others.
//!
//! Each queue and each list checks itself: see `validate` of [`SharedQueue`](crate::queue::shared::SharedQueue),
//! [`PinnedQueue`](crate::queue::pinned::PinnedQueue), [`Ring`](crate::queue::ring::Ring), [`OwnedTasks`](crate::task::owned::OwnedTasks) and
//! [`Idle`](crate::scheduler::idle::Idle). A turn looks at a bounded number of tasks of each, and, of the lists of a runtime, at one.

use super::Worker;

impl Worker {
    /// Checks as much as may be checked at every turn.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold.
    pub(super) fn check(&self) {
        let turn = self.slot.counters.turns.get();
        // SAFETY: we are the slot's worker.
        unsafe { self.slot.ring.validate() };
        self.slot.overflow.validate(turn);
        self.local.inbox.validate(turn);
        self.shared.injection.validate(turn);
        let pinned = self.pinned.queue();
        pinned.validate(turn);
        let (position, first) = (pinned.first_position(), self.pinned.first().get());
        assert!(
            position.saturating_sub(self.slot.stolen_behind()) <= first && first <= position,
            "the position of the first pinned task"
        );
        assert!(
            pinned.last_position() <= self.slot.pushed() && self.slot.left() <= self.slot.pushed(),
            "a position that is further than what has been pushed"
        );
        self.local.owned.validate(turn);
        let lists = &self.shared.owned;
        lists.nth(turn).validate(turn / lists.iter().count() as u64);
        self.shared.idle.validate();
    }
}

#[cfg(test)]
mod tests {
    use crate::block_on;
    use crate::scheduler::worker::with_current;
    use crate::validate::tests::refuses;

    #[test]
    fn a_position_that_is_not_the_first_pinned_tasks() {
        block_on(async {
            with_current(|worker| {
                let worker = worker.expect("`block_on` makes one");
                worker.check();
                let right = worker.pinned.first().replace(7);
                refuses("the position of the first", || worker.check());
                worker.pinned.first().set(right);
            });
        });
    }
}
