//! The switch of the canaries. `.ci/canaries` puts this file into the copy of each crate that a patch changes, as its module `canary`; no
//! build of the tree itself has it.

use std::env;
use std::sync::OnceLock;

/// Whether the environment variable `WATERWHEEL_CANARY` names this bug, which then is to be there in this process.
pub(crate) fn is_out(name: &str) -> bool {
    static OUT: OnceLock<Option<String>> = OnceLock::new();
    let out = OUT.get_or_init(|| env::var("WATERWHEEL_CANARY").ok());
    out.as_deref() == Some(name)
}
