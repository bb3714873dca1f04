//! [`Direction`], and its two values as types: [`Reading`] and [`Writing`].

use std::fmt::Debug;

/// Which way bytes go through a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the kernel to us: reading, accepting.
    Read,
    /// From us to the kernel: writing, connecting.
    Write,
}

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
