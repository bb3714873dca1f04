//! Time that needs an executor: functions that are called back.

pub mod callbacks;
