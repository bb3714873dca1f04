//! The line reader against its model: what `net/tests/lines_model.rs` draws, found by coverage.

#![no_main]

#[path = "../../net/tests/oracles/lines.rs"]
mod lines;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: lines::Script| lines::compare(&script));
