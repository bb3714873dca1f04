//! An outbox against its model: what `net/tests/outbox_model.rs` draws, found by coverage.

#![no_main]

#[path = "../../net/tests/oracles/outbox.rs"]
mod outbox;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: outbox::Script| {
    outbox::compare(&script);
});
