//! An outbox against a model that knows only how many bytes were sent and how many have gone, on scripts that are made short when they
//! fail: random partial writes, watermarks, failures, and ends.

#[path = "../../tests/cases/mod.rs"]
mod cases;
#[path = "oracles/outbox.rs"]
mod outbox;

use outbox::{Op, Script, Tally};
use proptest::prelude::*;
use std::cell::Cell;

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![1 => Just(0), 4 => 1..300_u16, 4 => 1..8_000_u16, 1 => any::<u16>()];
    prop_oneof![
        100 => size.clone().prop_map(Op::Send),
        20 => (0..80_u8, prop_oneof![Just(0), any::<u8>()]).prop_map(|(count, size)| Op::SendMany(count, size)),
        20 => (-1..=1_i8).prop_map(Op::SendToMark),
        40 => any::<u8>().prop_map(Op::Watch),
        10 => any::<u8>().prop_map(Op::Forget),
        100 => size.prop_map(Op::Read),
        100 => Just(Op::Turn),
        40 => Just(Op::AskForRoom),
        2 => Just(Op::PeerCloses),
        2 => Just(Op::PeerStopsReading),
        1 => Just(Op::ShutDown),
        10 => any::<bool>().prop_map(Op::Close),
        3 => Just(Op::CancelClose),
        5 => Just(Op::TimePasses),
        1 => Just(Op::Drop),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let mark = || prop_oneof![0..8_u16, 0..5_000_u16, any::<u16>()];
    let ops = prop::collection::vec(op(), 1..100);
    (mark(), mark(), any::<bool>(), ops).prop_map(|(low, span, roomy, ops)| Script {
        low,
        span,
        roomy,
        ops,
    })
}

const USUAL: u32 = 600;

thread_local! {
    static SUM: Cell<Tally> = Cell::default();
}

fn add(run: Tally) {
    let mut sum = SUM.get();
    sum.partial += run.partial;
    sum.sent += run.sent;
    sum.failed += run.failed;
    sum.refused += run.refused;
    sum.over += run.over;
    sum.drained += run.drained;
    sum.timed_out += run.timed_out;
    SUM.set(sum);
}

proptest! {
    #![proptest_config(cases::config(USUAL))]

    fn every_message_is_told_of_as_the_kernel_has_it(script in script()) {
        add(outbox::compare(&script));
    }
}

#[test]
fn whatever_goes_and_whenever_every_message_is_told_the_truth() {
    every_message_is_told_of_as_the_kernel_has_it();
    let sum = SUM.get();
    println!("{sum:?}");
    let all = [
        sum.partial,
        sum.sent,
        sum.failed,
        sum.refused,
        sum.over,
        sum.drained,
        sum.timed_out,
    ];
    assert!(
        cases::config(USUAL).cases < USUAL || all.iter().all(|&count| count > 10),
        "it was not about everything"
    );
}
