//! waterwheel-net
