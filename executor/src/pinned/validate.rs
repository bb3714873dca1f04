//! The runs of a pinned queue are those of its tasks.

use super::{NO_POSITION, PinnedQueue};
use crate::validate::depth;

impl PinnedQueue {
    /// The position of the last task, or 0.
    pub(crate) fn last_position(&self) -> u64 {
        self.runs.back().map_or(0, |run| run.position)
    }

    /// # Panics
    ///
    /// If the runs do not count the tasks, or are not in order.
    pub(crate) fn validate(&self, turn: u64) {
        self.tasks.validate(turn);
        let (mut count, mut before) = (0, None);
        let depth = depth(turn, self.runs.len());
        for run in self.runs.iter().take(depth) {
            assert!(run.count > 0, "an empty run");
            assert!(
                before < Some(run.position) && run.position < NO_POSITION,
                "the positions of runs grow"
            );
            before = Some(run.position);
            count += run.count;
        }
        if depth >= self.runs.len() {
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
    use crate::validate::tests::{Runtime, refuses};

    /// Four tasks in two runs.
    fn pinned(runtime: &Runtime) -> PinnedQueue {
        let mut tasks = runtime.shared.injection.take(4).expect("they are there");
        let mut pinned = PinnedQueue::new();
        for position in [1, 1, 5, 5] {
            pinned.push(position, tasks.pop().expect("four"));
        }
        pinned.validate(0);
        pinned
    }

    #[test]
    fn a_run_that_counts_wrongly() {
        let runtime = Runtime::of(4);
        let mut pinned = pinned(&runtime);
        pinned.runs[1].count = 3;
        refuses("as their runs count them", || pinned.validate(0));
        pinned.runs[1].count = 0;
        refuses("an empty run", || pinned.validate(0));
    }

    #[test]
    fn runs_out_of_order() {
        let runtime = Runtime::of(4);
        let mut pinned = pinned(&runtime);
        pinned.runs[1].position = 1;
        refuses("positions", || pinned.validate(0));
    }
}
