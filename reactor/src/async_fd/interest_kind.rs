//! The two values of [`Interest`] as types: [`Reading`] and [`Writing`].

use crate::source::Interest;
use std::fmt::Debug;

/// A direction that is known when a leaf future is compiled: [`Reading`] or [`Writing`].
pub trait InterestKind: sealed::Sealed + Copy + Debug + Unpin {
    /// The direction.
    const INTEREST: Interest;
}

/// [`Interest::Read`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Reading;

/// [`Interest::Write`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Writing;

impl InterestKind for Reading {
    const INTEREST: Interest = Interest::Read;
}

impl InterestKind for Writing {
    const INTEREST: Interest = Interest::Write;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Reading {}
    impl Sealed for super::Writing {}
}
