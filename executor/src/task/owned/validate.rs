//! The list of the tasks that are alive has those that came and have not gone.

use super::{List, OwnedTasks};
use crate::sync::lock;
use crate::task::schedule::Schedule;
use crate::validate::depth;
use std::ptr;

impl<S: Schedule> OwnedTasks<S> {
    /// Checks that as many tasks are in as have come and not gone, and of some of them, that they are linked, not complete, and this list's.
    ///
    /// # Panics
    ///
    /// If one of this does not hold.
    pub(crate) fn validate(&self, turn: u64) {
        let list = lock(&self.list);
        let (came, gone) = (list.came, list.gone);
        assert!(gone <= came, "{came} tasks came, and {gone} are gone");
        let (mut count, mut previous, mut next) = (0, None, list.first);
        let depth = depth(turn, list.length());
        while let Some(task) = next.filter(|_| count < depth) {
            count += 1;
            assert!(count <= list.length(), "more tasks than the list counts");
            // SAFETY: it is in the list, which has a reference to it.
            let header = unsafe { task.as_ref() };
            assert!(ptr::eq(header.owner(), self), "a task of another list");
            // Who completes it takes it out before.
            assert!(
                !header.state.load().is_complete(),
                "a complete task is alive"
            );
            // SAFETY: see `links`; we have the lock.
            let links = unsafe { &*List::links(task) };
            assert_eq!(links.previous, previous, "the link back of a task");
            (previous, next) = (Some(task), links.next);
        }
        if next.is_none() {
            assert_eq!(
                count,
                list.length(),
                "tasks of a list, and as it counts them"
            );
            assert_eq!(list.last, previous, "the last task of a list");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::stand_in::{StandIn, World};
    use crate::validate::tests::refuses;

    /// Breaks a list of three tasks, has it refused with that word, and puts it right.
    #[track_caller]
    fn refused(
        word: &str,
        corrupt: impl FnOnce(&mut List<StandIn>),
        restore: impl FnOnce(&mut List<StandIn>),
    ) {
        let world = World::of(3);
        let owned = world.owned();
        owned.validate(0);
        corrupt(&mut lock(&owned.list));
        refuses(word, || owned.validate(0));
        restore(&mut lock(&owned.list));
        owned.validate(0);
    }

    #[test]
    fn another_number_of_tasks_than_came_and_have_not_gone() {
        refused("4 are gone", |list| list.gone = 4, |list| list.gone = 0);
        refused("than the list", |list| list.gone = 1, |list| list.gone = 0);
        refused("than the list", |list| list.came = 2, |list| list.came = 3);
    }

    #[test]
    fn fewer_tasks_in_the_list_than_are_counted() {
        refused(
            "as it counts them",
            |list| list.came = 4,
            |list| list.came = 3,
        );
    }

    #[test]
    fn a_last_task_that_is_another() {
        let mut last = None;
        let last = &mut last;
        let world = World::of(3);
        let owned = world.owned();
        {
            let mut list = lock(&owned.list);
            *last = list.last;
            list.last = list.first;
        }
        refuses("the last task", || owned.validate(0));
        lock(&owned.list).last = *last;
    }

    #[test]
    fn a_link_back_to_another() {
        let world = World::of(3);
        let owned = world.owned();
        let last = lock(&owned.list).last.expect("three tasks");
        // SAFETY: nobody else has the list.
        let back = unsafe { (*List::links(last)).previous.take() };
        refuses("the link back", || owned.validate(0));
        // SAFETY: as above.
        unsafe { (*List::links(last)).previous = back };
    }

    #[test]
    fn a_task_of_another_list() {
        let world = World::of(1);
        let owned = world.owned();
        let (task, other) = (owned.pop().expect("one"), OwnedTasks::default());
        assert!(other.insert(task));
        refuses("another list", || other.validate(0));
        assert!(other.remove(task) && owned.insert(task));
        owned.validate(0);
    }
}
