//! waterwheel-timer
