//! Time that needs an executor: functions that are called back, and a paused clock that is moved.
//!
//! | file | what is there |
//! |---|---|
//! | `callback` | [`Callback`](callbacks::Callback): a timer that calls a function |
//! | `callbacks` | the short forms of it: `run_at`, `run_after`, `run_every` |
//! | `advance` | [`advance`]: moves a paused clock |

mod advance;
mod callback;
pub mod callbacks;

pub use advance::{Advance, advance};
