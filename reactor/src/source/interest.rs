//! [`Interest`]: which way bytes go.

/// Which way bytes go through a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// From the kernel to us: reading, accepting.
    Read,
    /// From us to the kernel: writing, connecting.
    Write,
}
