//! How the queues and lists of a runtime check themselves, in builds with `debug_assertions`; there is nothing of this in others.
//!
//! A worker does so [at every turn](crate::scheduler::worker::Worker). Of a queue, so many tasks are looked at that a turn takes no longer for many than
//! for few: the first [`FEW`], and all of them once in so many turns that this comes to about as much again.

/// Tasks of a queue or a list that are looked at in a turn.
const FEW: usize = 4;

/// How many of `length` tasks to look at in that turn.
pub(crate) fn depth(turn: u64, length: usize) -> usize {
    let seldom = (length / FEW).next_power_of_two() as u64;
    if turn.is_multiple_of(seldom) {
        usize::MAX
    } else {
        FEW
    }
}

#[cfg(test)]
pub(crate) mod tests;
