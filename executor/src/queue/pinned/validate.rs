//! The runs of a pinned queue are those of its tasks.

use super::{NO_POSITION, PinnedQueue};
use crate::task::schedule::Schedule;
use crate::validate::depth;

impl<S: Schedule> PinnedQueue<S> {
    /// The position of the last task, or 0.
    pub(crate) fn last_position(&self) -> u64 {
        match self.later.back() {
            Some(run) => run.position,
            None if self.first.count > 0 => self.first.position,
            None => 0,
        }
    }

    /// # Panics
    ///
    /// If the runs do not count the tasks, or are not in order.
    pub(crate) fn validate(&self, turn: u64) {
        self.tasks.validate(turn);
        let (mut count, mut before) = (0, None);
        let runs = self.later.len() + usize::from(self.first.count > 0);
        let depth = depth(turn, runs);
        if self.first.count == 0 {
            assert_eq!(self.first.position, NO_POSITION, "the first of no runs");
            assert!(self.later.is_empty(), "an empty run before others");
        }
        let first = Some(&self.first).filter(|run| run.count > 0);
        for run in first.into_iter().chain(&self.later).take(depth) {
            assert!(run.count > 0, "an empty run");
            assert!(
                before < Some(run.position) && run.position < NO_POSITION,
                "the positions of runs grow"
            );
            before = Some(run.position);
            count += run.count;
        }
        if depth >= runs {
            assert_eq!(
                count,
                self.tasks.len(),
                "pinned tasks, as their runs count them"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::stand_in::{StandIn, World};
    use crate::validate::tests::refuses;

    /// Four tasks in two runs.
    fn pinned(world: &World) -> PinnedQueue<StandIn> {
        let mut pinned = PinnedQueue::new();
        for position in [1, 1, 5, 5] {
            pinned.push(position, world.take_ready().expect("four"));
        }
        pinned.validate(0);
        pinned
    }

    #[test]
    fn a_run_that_counts_wrongly() {
        let world = World::of(4);
        let mut pinned = pinned(&world);
        pinned.later[0].count = 3;
        refuses("as their runs count them", || pinned.validate(0));
        pinned.later[0].count = 0;
        refuses("an empty run", || pinned.validate(0));
        pinned.first.count = 0;
        refuses("the first of no runs", || pinned.validate(0));
        pinned.first.position = NO_POSITION;
        refuses("an empty run before others", || pinned.validate(0));
    }

    #[test]
    fn runs_out_of_order() {
        let world = World::of(4);
        let mut pinned = pinned(&world);
        pinned.later[0].position = 1;
        refuses("positions", || pinned.validate(0));
    }
}
