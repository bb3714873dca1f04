//! waterwheel
