//! A queue of tasks counts them rightly.

use super::TaskQueue;
use crate::task::schedule::Schedule;
use crate::validate::depth;

impl<S: Schedule> TaskQueue<S> {
    /// Checks that the queue counts its tasks rightly, and knows its last.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub(crate) fn validate(&self, turn: u64) {
        let Some(ends) = &self.ends else {
            assert_eq!(self.length, 0, "the length of an empty queue");
            return;
        };
        let (mut count, mut last, mut next) = (0, None, Some(ends.first));
        let depth = depth(turn, self.length);
        while let Some(task) = next.filter(|_| count < depth) {
            count += 1;
            assert!(count <= self.length, "more tasks than the queue counts");
            // SAFETY: the queue has a reference to each task in it, and their links are its own.
            next = unsafe { *task.as_ref().queue_next.get() };
            last = Some(task);
        }
        if next.is_none() {
            assert_eq!(
                count, self.length,
                "tasks of a queue, and as it counts them"
            );
            assert_eq!(last, Some(ends.last), "the last task of a queue");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::stand_in::{StandIn, World};
    use crate::validate::tests::refuses;

    /// All tasks of a world.
    fn queue(world: &World) -> TaskQueue<StandIn> {
        let mut queue = TaskQueue::new();
        while let Some(task) = world.take_ready() {
            queue.push(task);
        }
        queue
    }

    #[test]
    fn a_length_that_is_not_that_of_the_list() {
        for tasks in [1, 3, 100] {
            let world = World::of(tasks);
            let mut queue = queue(&world);
            queue.validate(0);
            queue.length += 1;
            refuses("as it counts them", || queue.validate(0));
            queue.length -= 2;
            refuses("", || queue.validate(0));
            queue.length += 1;
            queue.validate(0);
        }
    }

    #[test]
    fn an_empty_queue_that_is_said_to_have_one() {
        let mut queue = TaskQueue::<StandIn>::new();
        queue.length = 1;
        refuses("empty queue", || queue.validate(0));
        queue.length = 0;
    }

    #[test]
    fn a_last_task_that_is_another() {
        let world = World::of(3);
        let mut queue = queue(&world);
        let ends = queue.ends.as_mut().expect("not empty");
        let last = std::mem::replace(&mut ends.last, ends.first);
        refuses("the last task", || queue.validate(0));
        queue.ends.as_mut().expect("not empty").last = last;
        queue.validate(0);
    }
}
