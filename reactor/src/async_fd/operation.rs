//! [`Operation`]: what a leaf future does at a descriptor.

use super::interest_kind::InterestKind;
use std::marker::PhantomData;

/// Which way a call moves bytes, and its name as its user writes it.
///
/// A constant of each leaf future: the compiler then knows the direction, and nothing of this is stored.
///
/// # Examples
///
/// ```
/// use waterwheel::reactor::{Operation, Reading};
///
/// const RECEIVE: Operation<Reading> = Operation::new("Port::receive");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Operation<W: InterestKind> {
    pub(crate) name: &'static str,
    way: PhantomData<W>,
}

impl<W: InterestKind> Operation<W> {
    /// A call by the name that appears in the panic that tells of a missing runtime.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            way: PhantomData,
        }
    }
}
