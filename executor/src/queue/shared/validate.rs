//! A shared queue tells without its lock what is behind it.

use super::SharedQueue;
use crate::sync::{Ordering, lock};
use crate::task::schedule::Schedule;

impl<S: Schedule> SharedQueue<S> {
    /// # Panics
    ///
    /// If the length that all can read is not that of the queue, or the queue is not sound.
    pub(crate) fn validate(&self, turn: u64) {
        let inner = lock(&self.queue);
        // Written under the lock alone.
        let length = self.length.load(Ordering::Relaxed);
        assert_eq!(length, inner.tasks.len(), "the length of a shared queue");
        assert!(!inner.closed || length == 0, "a task in a closed queue");
        inner.tasks.validate(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::stand_in::{StandIn, World};
    use crate::validate::tests::refuses;

    /// All tasks of a world.
    fn queue(world: &World) -> SharedQueue<StandIn> {
        let queue = SharedQueue::new();
        while let Some(task) = world.take_ready() {
            queue.push(task);
        }
        queue
    }

    #[test]
    fn a_length_that_is_not_the_queues() {
        let world = World::of(2);
        let queue = &queue(&world);
        queue.validate(0);
        queue.length.store(0, Ordering::Relaxed);
        refuses("the length of a shared queue", || queue.validate(0));
    }

    #[test]
    fn a_task_in_a_closed_queue() {
        let world = World::of(1);
        let queue = &queue(&world);
        lock(&queue.queue).closed = true;
        refuses("closed queue", || queue.validate(0));
    }
}
