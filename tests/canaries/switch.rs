//! Which canary is out: the one that the environment variable `WATERWHEEL_CANARY` names, in a build with `--cfg canary`, and
//! none in any other build, which has nothing of this. The list is in `README.md`.

use std::env;
use std::sync::OnceLock;

/// Whether the bug of that name is to be there in this process.
pub(crate) fn is_out(name: &str) -> bool {
    static OUT: OnceLock<Option<String>> = OnceLock::new();
    let out = OUT.get_or_init(|| env::var("WATERWHEEL_CANARY").ok());
    out.as_deref() == Some(name)
}
