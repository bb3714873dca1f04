//! [`Call`]: what a leaf future does at a descriptor.

use super::way::Way;
use std::marker::PhantomData;

/// Which way a call moves bytes, and its name as its user writes it.
///
/// A constant of each leaf future: the compiler then knows the direction, and nothing of this is stored.
///
/// # Examples
///
/// ```
/// use waterwheel::reactor::{Call, Reading};
///
/// const RECEIVE: Call<Reading> = Call::new("Port::receive");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call<W: Way> {
    pub(crate) name: &'static str,
    way: PhantomData<W>,
}

impl<W: Way> Call<W> {
    /// A call by the name that appears in the panic that tells of a missing runtime.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            way: PhantomData,
        }
    }
}
