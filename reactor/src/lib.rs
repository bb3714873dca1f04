//! waterwheel-reactor
