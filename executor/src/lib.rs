//! waterwheel-executor
