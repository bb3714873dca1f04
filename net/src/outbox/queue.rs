//! [`Queue`]: messages in the order in which they go, and how far the first has gone.
//!
//! Pure data: no lock, no system call. What tells of a message's completion, a `C`, goes in with it and comes out when
//! its last byte has gone, or when the queue is given up. Messages leave in the order in which they came, each once, and
//! the slices of the front are exactly the bytes that have not gone yet.

use super::message::Message;
use std::collections::VecDeque;
use std::io::IoSlice;

#[derive(Debug)]
pub(super) struct Queue<C> {
    entries: VecDeque<Entry<C>>,
}

#[derive(Debug)]
pub(super) struct Entry<C> {
    message: Message,
    /// How many of its bytes have gone. Only the front has any.
    written: usize,
    pub(super) completion: C,
}

impl<C> Entry<C> {
    fn left(&self) -> &[u8] {
        &self.message.as_ref()[self.written..]
    }
}

impl<C> Queue<C> {
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a message to the end. `written` of its bytes have gone already, which only the first may say.
    pub(super) fn push(&mut self, message: Message, written: usize, completion: C) {
        debug_assert!(written == 0 || self.is_empty(), "bytes went out of order");
        self.entries.push_back(Entry {
            message,
            written,
            completion,
        });
    }

    /// Adds all that `other` has to the end, and leaves that empty.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.entries.is_empty() {
            // What `other` gets is empty, and has room.
            std::mem::swap(&mut self.entries, &mut other.entries);
        } else {
            self.entries.append(&mut other.entries);
        }
    }

    /// Sets the front of `slices` to what goes next. Returns how many they are, and their bytes.
    pub(super) fn next<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for (slice, entry) in slices.iter_mut().zip(&self.entries) {
            *slice = IoSlice::new(entry.left());
            bytes += slice.len();
            count += 1;
        }
        (count, bytes)
    }

    /// So many bytes of the front have gone: moves what is complete by that to `complete`. Messages of no bytes are
    /// complete when they have come to the front, so that this has something to do for 0, too.
    pub(super) fn advance(&mut self, mut count: usize, complete: &mut Vec<C>) {
        while let Some(front) = self.entries.front_mut() {
            let left = front.left().len();
            if count < left {
                front.written += count;
                return;
            }
            count -= left;
            complete.extend(self.entries.pop_front().map(|entry| entry.completion));
        }
        debug_assert_eq!(count, 0, "more bytes went than there were");
    }

    /// How many bytes of the front have gone, and who waits for the rest.
    pub(super) fn front(&self) -> Option<(usize, &C)> {
        let front = self.entries.front()?;
        Some((front.written, &front.completion))
    }

    /// Gives the memory of a long queue back when it is empty.
    #[inline(always)]
    pub(super) fn rest(&mut self) {
        const KEEP: usize = 64;
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = VecDeque::new();
        }
    }

    /// Gives all of it up.
    pub(super) fn into_completions(self) -> impl Iterator<Item = C> {
        self.entries.into_iter().map(|entry| entry.completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is done to a queue.
    #[derive(Clone, Debug)]
    enum Step {
        /// A message of so many bytes is added.
        Push(usize),
        /// Messages of these sizes come from another queue.
        Append(Vec<usize>),
        /// The transport takes at most so many bytes, of at most so many slices.
        Write { most: usize, slices: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        let size = prop_oneof![Just(0), 1..8_usize, 1..400_usize];
        prop_oneof![
            3 => size.clone().prop_map(Step::Push),
            1 => prop::collection::vec(size, 0..5).prop_map(Step::Append),
            3 => (0..500_usize, 1..9_usize).prop_map(|(most, slices)| Step::Write { most, slices }),
        ]
    }

    /// A transport that takes a part of what it is given, and remembers it.
    struct Transport {
        taken: Vec<u8>,
    }

    impl Transport {
        fn write(&mut self, slices: &[IoSlice<'_>], most: usize) -> usize {
            let before = self.taken.len();
            for slice in slices {
                let room = most - (self.taken.len() - before);
                self.taken.extend(&slice[..room.min(slice.len())]);
            }
            self.taken.len() - before
        }
    }

    /// All bytes in order, and where each message ends.
    #[derive(Default)]
    struct Model {
        all: Vec<u8>,
        ends: Vec<usize>,
    }

    impl Model {
        fn message(&mut self, size: usize) -> (Message, usize) {
            let start = self.all.len();
            self.all.extend((0..size).map(|i| (start + i * 7) as u8));
            self.ends.push(self.all.len());
            (self.all[start..].to_vec().into(), self.ends.len() - 1)
        }
    }

    proptest! {
        #![proptest_config(crate::cases::config(500))]

        /// Whatever a transport takes of what it is given: the bytes go in order, each once; a message is complete with
        /// its last byte, not before; and in order.
        #[test]
        fn partial_writes_lose_nothing_and_complete_in_order(steps in prop::collection::vec(step(), 1..80)) {
            let mut queue = Queue::new();
            let mut transport = Transport { taken: Vec::new() };
            let mut model = Model::default();
            let mut complete: Vec<usize> = Vec::new();
            let mut written = 0;
            for step in steps {
                match step {
                    Step::Push(size) => {
                        let (message, number) = model.message(size);
                        queue.push(message, 0, number);
                    }
                    Step::Append(sizes) => {
                        let mut other = Queue::new();
                        for size in sizes {
                            let (message, number) = model.message(size);
                            other.push(message, 0, number);
                        }
                        queue.append(&mut other);
                        prop_assert!(other.is_empty());
                    }
                    Step::Write { most, slices } => {
                        let mut room = vec![IoSlice::new(&[]); slices];
                        let (count, bytes) = queue.next(&mut room);
                        prop_assert_eq!(room[..count].iter().map(|s| s.len()).sum::<usize>(), bytes);
                        let taken = transport.write(&room[..count], most);
                        written += taken;
                        queue.advance(taken, &mut complete);
                        if let Some((front, _)) = queue.front() {
                            let start = complete.last().map_or(0, |&last| model.ends[last]);
                            prop_assert_eq!(front, written - start, "how far the front has gone");
                        }
                    }
                }
            }
            let (taken, expected) = (&transport.taken, &model.all[..written]);
            prop_assert_eq!(&taken[..], expected);
            let ends = model.ends;
            // A message of no bytes completes with what is before it, and at the latest with the next step.
            let mut more = complete.clone();
            queue.advance(0, &mut more);
            let due: Vec<usize> = (0..ends.len()).take_while(|&number| ends[number] <= written).collect();
            prop_assert_eq!(&more, &due);
            prop_assert!(complete.len() <= due.len());
            prop_assert_eq!(queue.len(), ends.len() - due.len());
            let rest: Vec<usize> = queue.into_completions().collect();
            prop_assert_eq!(rest, (due.len()..ends.len()).collect::<Vec<_>>());
        }
    }
}
