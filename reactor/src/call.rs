//! [`Call`]: what a leaf future does at a descriptor.

use crate::direction::Direction;

/// Which way a call moves bytes, and its name as its user writes it.
///
/// A constant of each leaf future: the compiler then knows the direction, and nothing of this is stored.
///
/// # Examples
///
/// ```
/// use waterwheel::reactor::{Call, Direction};
///
/// const RECEIVE: Call = Call::new(Direction::Read, "Port::receive");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub(crate) direction: Direction,
    pub(crate) name: &'static str,
}

impl Call {
    /// A call by the name that appears in the panic that tells of a missing runtime.
    #[must_use]
    pub const fn new(direction: Direction, name: &'static str) -> Self {
        Self { direction, name }
    }
}
