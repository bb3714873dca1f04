//! The wheel against the model, on sequences of operations that are made short when they fail.
//!
//! Longer runs, on operations drawn without regard to that, are in `wheel_million.rs`; `fuzz/fuzz_targets/wheel.rs` lets coverage draw them.

#[path = "../../tests/cases/mod.rs"]
mod cases;
mod model;

use model::{Op, Start, Time, compare};
use proptest::prelude::*;

/// Of any magnitude up to 2^63, small and large being equally likely.
fn magnitude() -> impl Strategy<Value = u64> {
    (any::<u64>(), 1..64u32).prop_map(|(bits, shift)| bits >> shift)
}

fn deadline() -> impl Strategy<Value = Time> {
    prop_oneof![
        8 => magnitude().prop_map(Time::Later),
        4 => (0..11u32, -1..=1i8).prop_map(|(level, off)| Time::Boundary(level, off)),
        2 => (0..200u64).prop_map(Time::Earlier),
        2 => Just(Time::Next), // a tie
        1 => any::<u64>().prop_map(Time::Absolute),
    ]
}

fn advance() -> impl Strategy<Value = Time> {
    prop_oneof![
        8 => magnitude().prop_map(|by| Time::Later(by >> 8)),
        8 => Just(Time::Next),
        4 => (0..11u32, -1..=1i8).prop_map(|(level, off)| Time::Boundary(level, off)),
        1 => magnitude().prop_map(Time::Later),
        1 => any::<u64>().prop_map(Time::Absolute),
    ]
}

fn op(cancels: u32) -> impl Strategy<Value = Op> {
    let number = any::<usize>;
    prop_oneof![
        10 => deadline().prop_map(Op::Insert),
        8 => advance().prop_map(Op::Advance),
        1 => number().prop_map(Op::SetWaker),
        cancels => number().prop_map(Op::Remove),
        cancels => (number(), deadline()).prop_map(|(number, time)| Op::Reset(number, time)),
        cancels => (number(), deadline()).prop_map(|(number, time)| Op::Refile(number, time)),
    ]
}

/// Many timers at few instants, all in one slot until the time comes near: what matters is who leaves it, and in what order the others fire.
fn crowd() -> impl Strategy<Value = Op> {
    let number = any::<usize>;
    let deadline = || (0..4u64).prop_map(|after| Time::Absolute((1 << 40) + after));
    prop_oneof![
        400 => deadline().prop_map(Op::Insert),
        250 => number().prop_map(Op::Remove),
        50 => (number(), deadline()).prop_map(|(number, time)| Op::Reset(number, time)),
        50 => (number(), deadline()).prop_map(|(number, time)| Op::Refile(number, time)),
        1 => advance().prop_map(Op::Advance),
    ]
}

/// Beside two far timers, at the beginning of time.
fn beginning() -> Start {
    Start {
        at: 0,
        company: true,
    }
}

/// At any time, near the end of time, and just about the boundaries of the levels.
fn start() -> impl Strategy<Value = Start> {
    let boundary = (1..11u32, -2..=2i64).prop_map(|(level, off)| {
        let boundary = 1u64 << (8 + 6 * (level - 1));
        boundary.wrapping_add_signed(off)
    });
    let at = prop_oneof![
        magnitude(),
        magnitude().prop_map(|before| u64::MAX - before),
        boundary
    ];
    (at, any::<bool>()).prop_map(|(at, company)| Start { at, company })
}

proptest! {
    #![proptest_config(cases::config(800))]

    #[test]
    fn the_wheel_does_what_the_model_does(ops in prop::collection::vec(op(3), 1..200)) {
        compare(&beginning(), &ops);
    }

    #[test]
    fn the_wheel_does_so_from_whatever_time_on(start in start(), ops in prop::collection::vec(op(3), 1..100)) {
        compare(&start, &ops);
    }

    #[test]
    fn a_crowd_in_one_slot_does_what_the_model_does(ops in prop::collection::vec(crowd(), 1..600)) {
        compare(&beginning(), &ops);
    }

    #[test]
    fn without_cancellation_the_next_deadline_is_exact(ops in prop::collection::vec(op(0), 1..200)) {
        compare(&beginning(), &ops);
    }
}
