//! Time that needs an executor: functions that are called back, and a paused clock that is moved.

mod advance;
mod callback;
pub mod callbacks;

pub use advance::{Advance, advance};
