//! The wheel against its model: what `timer/tests/wheel_model.rs` draws, found by coverage.

#![no_main]

#[path = "../../timer/tests/model/mod.rs"]
mod model;

use libfuzzer_sys::fuzz_target;
use model::{Op, Start, compare};

fuzz_target!(|run: (Start, Vec<Op>)| {
    let (start, ops) = run;
    compare(&start, &ops);
});
