//! How many cases a property test tries.
//!
//! - Usually as many as it says itself, which takes it a second or so.
//! - `WATERWHEEL_LONG=1`: [`LONGER`] times as many. `.ci/fuzz` does so where it cannot fuzz.
//! - `PROPTEST_CASES=n`: *n*.
//!
//! A case that fails is made short, and printed; nothing is written beside the sources.

use proptest::test_runner::Config;
use std::env;

/// How much longer the long mode is.
const LONGER: u32 = 100;

/// Tries `usual` cases, or as many as the environment asks for.
pub(crate) fn config(usual: u32) -> Config {
    let default = Config::default();
    let cases = if env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else if env::var_os("WATERWHEEL_LONG").is_some_and(|long| long != "0") {
        usual.saturating_mul(LONGER)
    } else {
        usual
    };
    Config {
        cases,
        failure_persistence: None,
        ..default
    }
}
