//! The two values of [`Direction`] as types: [`Reading`] and [`Writing`].

use crate::source::Direction;
use std::fmt::Debug;

/// A direction that is known when a leaf future is compiled: [`Reading`] or [`Writing`].
pub trait Way: sealed::Sealed + Copy + Debug + Unpin {
    /// The direction.
    const DIRECTION: Direction;
}

/// [`Direction::Read`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Reading;

/// [`Direction::Write`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Writing;

impl Way for Reading {
    const DIRECTION: Direction = Direction::Read;
}

impl Way for Writing {
    const DIRECTION: Direction = Direction::Write;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Reading {}
    impl Sealed for super::Writing {}
}
