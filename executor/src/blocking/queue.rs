//! [`JobQueue`]: first in, first out, and out of the middle by id.
//!
//! An aborted job must leave the queue at once, or its memory would stay until a thread has come that far. So the queue is a
//! doubly linked list whose places are found by the job's id: each operation takes constant time. Ordinary tasks are linked through their
//! headers and one way only; a second link there would cost every task a word for the sake of jobs.

use crate::task::id::Id;
use std::collections::HashMap;

/// Below this capacity the map is left as it is.
const SMALL: usize = 64;

pub(crate) struct JobQueue<J> {
    places: HashMap<Id, Place<J>>,
    ends: Option<Ends>,
}

struct Place<J> {
    job: J,
    previous: Option<Id>,
    next: Option<Id>,
}

struct Ends {
    first: Id,
    last: Id,
}

impl<J> Default for JobQueue<J> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            ends: None,
        }
    }
}

impl<J> JobQueue<J> {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a job at the end. No other job has this id.
    pub(crate) fn push(&mut self, id: Id, job: J) {
        let previous = match &mut self.ends {
            None => {
                let (first, last) = (id, id);
                self.ends = Some(Ends { first, last });
                None
            }
            Some(ends) => Some(std::mem::replace(&mut ends.last, id)),
        };
        if let Some(previous) = previous {
            self.place(previous).next = Some(id);
        }
        let place = Place {
            job,
            previous,
            next: None,
        };
        let displaced = self.places.insert(id, place);
        debug_assert!(displaced.is_none(), "a job is queued once");
    }

    /// Takes the first job out.
    pub(crate) fn pop(&mut self) -> Option<J> {
        let first = self.ends.as_ref()?.first;
        self.remove(first)
    }

    /// Takes the job with this id out, wherever it stands. `None`: it is not here.
    pub(crate) fn remove(&mut self, id: Id) -> Option<J> {
        let Place {
            job,
            previous,
            next,
        } = self.places.remove(&id)?;
        match (previous, next) {
            (None, None) => self.ends = None,
            (Some(previous), None) => {
                self.place(previous).next = None;
                self.ends().last = previous;
            }
            (None, Some(next)) => {
                self.place(next).previous = None;
                self.ends().first = next;
            }
            (Some(previous), Some(next)) => {
                self.place(previous).next = Some(next);
                self.place(next).previous = Some(previous);
            }
        }
        // A map does not give memory back by itself. Half of what it had is left, so that this is seldom done.
        let (length, capacity) = (self.places.len(), self.places.capacity());
        if capacity > SMALL && length < capacity / 4 {
            self.places.shrink_to(capacity / 2);
        }
        Some(job)
    }

    fn place(&mut self, id: Id) -> &mut Place<J> {
        self.places
            .get_mut(&id)
            .expect("what a job in the queue is linked to is in the queue")
    }

    fn ends(&mut self) -> &mut Ends {
        self.ends.as_mut().expect("a job is left")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Pushes, pops and removals, at random, beside a queue that is searched from its front.
    #[test]
    fn in_order_whatever_is_taken_out_of_it() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |end: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % end as u64) as usize
        };
        let (mut queue, mut oracle) = (JobQueue::default(), VecDeque::new());
        let mut gone = Vec::new();
        for step in 0..20_000 {
            // It grows to some hundreds, and is emptied, again and again.
            let grows = step % 2_000 < 1_000;
            match below(4) {
                0 | 1 if grows => {
                    let id = Id::next();
                    queue.push(id, step);
                    oracle.push_back((id, step));
                }
                0 => {
                    let expected = oracle.pop_front();
                    gone.extend(expected.map(|(id, _)| id));
                    assert_eq!(queue.pop(), expected.map(|(_, job)| job));
                }
                1 if !gone.is_empty() => {
                    assert_eq!(queue.remove(gone[below(gone.len())]), None);
                }
                _ if !oracle.is_empty() => {
                    let (id, job) = oracle.remove(below(oracle.len())).expect("it has some");
                    gone.push(id);
                    assert_eq!(queue.remove(id), Some(job));
                }
                _ => assert_eq!(queue.pop(), None),
            }
            assert_eq!(queue.len(), oracle.len());
            assert_eq!(queue.is_empty(), oracle.is_empty());
        }
        while let Some((_, job)) = oracle.pop_front() {
            assert_eq!(queue.pop(), Some(job));
        }
        assert_eq!(queue.pop(), None);
    }

    /// From either end, and from the middle.
    #[test]
    fn memory_is_given_back() {
        const JOBS: usize = 20_000;
        let take_out: [fn(&mut JobQueue<()>, Id); 2] = [
            |queue, id| queue.remove(id).expect("it is there"),
            |queue, _| queue.pop().expect("one is left"),
        ];
        for take_out in take_out {
            let mut queue = JobQueue::default();
            let ids: Vec<_> = (0..JOBS).map(|_| Id::next()).collect();
            for &id in &ids {
                queue.push(id, ());
            }
            assert!(queue.places.capacity() >= JOBS);
            for &id in ids.iter().rev() {
                take_out(&mut queue, id);
            }
            assert!(queue.places.capacity() <= 4 * SMALL);
        }
    }
}
