//! The futures that methods and functions of this crate return. A program awaits them, and seldom names them.

pub use crate::join_set::JoinNext;
pub use crate::runtime::yield_now::YieldNow;
pub use crate::time::Advance;
