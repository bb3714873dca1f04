//! The halves of a stream, which read or write, and how the owned ones are joined again.
//!
//! | file | what is there |
//! |---|---|
//! | `split` | how a stream is parted into halves |
//! | `read_half` | [`ReadHalf`], [`OwnedReadHalf`], [`ReuniteError`] |
//! | `write_half` | [`WriteHalf`], [`OwnedWriteHalf`] |
//! | `async_io` | system calls of the user's own, on a half |

mod async_io;
mod read_half;
mod split;
mod write_half;

pub use read_half::{OwnedReadHalf, ReadHalf, ReuniteError};
pub use write_half::{OwnedWriteHalf, WriteHalf};
