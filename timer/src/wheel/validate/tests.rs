//! Each invariant of the wheel is broken, and both checks, the walk and that of many turns, refuse the wheel.

use super::*;
use crate::wheel::{Key, chunk::PLACES};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// A wheel with an entry that is alone in its slot, a slot of three chunks, and an entry that has fired.
struct Example {
    wheel: Wheel,
    alone: Key,
    crowd: Vec<Key>,
    fired: Key,
}

fn example() -> Example {
    let mut wheel = Wheel::new();
    let waker = || Waker::noop().clone();
    let fired = wheel.insert(0, waker());
    wheel.expire(1_000, &mut drop);
    let alone = wheel.insert(1 << 30, waker());
    let crowd = (0..3 * PLACES as u64).map(|n| wheel.insert((1 << 40) + n, waker()));
    let crowd: Vec<Key> = crowd.collect();
    Example {
        alone,
        crowd,
        fired,
        wheel,
    }
}

/// As many turns as it takes to come round.
fn check_in_turns(wheel: &mut Wheel) {
    for _ in 0..wheel.slabs.entries.capacity() + WALK + LEVELS * SLOTS {
        wheel.check();
    }
}

/// The same without the walk, so that each must be found by itself.
fn check_each(wheel: &mut Wheel) {
    for _ in 0..wheel.slabs.entries.capacity() + LEVELS * SLOTS {
        wheel.progress.calls = 0;
        wheel.check();
    }
}

fn message(run: impl FnOnce()) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(run)).err()?;
    Some(match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    })
}

/// Breaks a wheel, and has it refused with that word, by the walk and in turns; by those without the walk, if `by_itself`.
#[track_caller]
fn refused(by_itself: bool, word: &str, corrupt: impl Fn(&mut Example)) {
    let broken = || {
        let mut example = example();
        corrupt(&mut example);
        example.wheel
    };
    let walk = message(|| broken().validate()).expect("the walk refuses it");
    assert!(walk.contains(word), "the walk says: {walk}");
    message(|| check_in_turns(&mut broken())).expect("many turns refuse it");
    let each = message(|| check_each(&mut broken()));
    assert_eq!(each.is_some(), by_itself, "{each:?}");
}

#[test]
fn a_sound_wheel_passes_both() {
    let Example { mut wheel, .. } = example();
    wheel.validate();
    check_in_turns(&mut wheel);
    check_each(&mut wheel);
    check_in_turns(&mut Wheel::new());
}

#[test]
fn the_bit_of_a_level_that_says_otherwise() {
    refused(true, "bit of level", |Example { wheel, .. }| {
        wheel.occupied |= 1 << 9
    });
    refused(true, "bit of level", |Example { wheel, .. }| {
        wheel.occupied &= wheel.occupied - 1;
    });
}

#[test]
fn the_bit_of_a_slot_that_says_otherwise() {
    refused(true, "bit of slot", |Example { wheel, alone, .. }| {
        let place = Place::of(wheel.deadline(alone), wheel.elapsed);
        wheel.levels[place.level].take(place.slot);
        wheel.levels[place.level].set_bit(place.slot);
    });
}

#[test]
fn a_slot_whose_least_deadline_is_later_than_one_in_it() {
    refused(true, "lower bound", |Example { wheel, crowd, .. }| {
        let place = Place::of(wheel.deadline(&crowd[0]), wheel.elapsed);
        wheel.levels[place.level].forget_least(place.slot);
    });
}

#[test]
fn an_entry_that_stands_where_its_deadline_does_not_belong() {
    refused(
        true,
        "the place of a deadline",
        |Example { wheel, alone, .. }| {
            wheel.slabs.entries[alone.index()].deadline = 1 << 50;
        },
    );
    refused(
        true,
        "the place of a deadline",
        |Example { wheel, crowd, .. }| {
            wheel.slabs.entries[crowd[5].index()].deadline = 1 << 50;
        },
    );
}

#[test]
fn an_entry_that_does_not_know_its_position() {
    refused(
        true,
        "where it stands",
        |Example { wheel, crowd, .. }| {
            wheel.slabs.entries[crowd[5].index()].position.place += 1;
        },
    );
    refused(
        true,
        "where it stands",
        |Example { wheel, crowd, .. }| {
            wheel.slabs.entries[crowd[5].index()].position.chunk = Link::NIL;
        },
    );
}

#[test]
fn a_fired_entry_that_is_filed_still() {
    refused(false, "has a waker", |Example { wheel, alone, .. }| {
        wheel.slabs.entries[alone.index()].waker = None;
    });
}

#[test]
fn a_pending_entry_that_is_not_filed() {
    refused(true, "filed", |Example { wheel, fired, .. }| {
        wheel.slabs.entries[fired.index()].waker = Some(Waker::noop().clone());
    });
}

#[test]
fn a_count_that_is_not_that_of_the_filed_entries() {
    refused(false, "pending", |Example { wheel, .. }| wheel.pending += 1);
}

#[test]
fn a_chunk_whose_neighbour_does_not_know_it() {
    refused(true, "a link back", |Example { wheel, crowd, .. }| {
        let first = wheel.slabs.entries[crowd[0].index()].position.chunk;
        let second = wheel.slabs.chunk(first).next;
        wheel.slabs.chunk_mut(second).prev = Link::NIL;
    });
}

#[test]
fn a_chunk_that_is_in_no_list() {
    refused(false, "in one list", |Example { wheel, .. }| {
        wheel.slabs.chunk_behind(Link::NIL);
    });
}

#[test]
fn neighbours_that_should_be_one_chunk() {
    refused(
        true,
        "sparse neighbours",
        |Example { wheel, crowd, .. }| {
            // As `Wheel::remove` does it, but for the merge.
            for key in crowd {
                let entry = &wheel.slabs.entries[key.index()];
                let position = entry.position;
                if position.place % 8 != 0 {
                    wheel.slabs.entries.remove(key.index());
                    wheel.slabs.chunk_mut(position.chunk).clear(position.place);
                    wheel.pending -= 1;
                }
            }
        },
    );
}
