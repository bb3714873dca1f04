//! The halves of a stream, which read or write, and how the owned ones are joined again.
//!
//! | file | what is there |
//! |---|---|
//! | `read_half` | [`ReadHalf`], [`OwnedReadHalf`], [`ReuniteError`] |
//! | `write_half` | [`WriteHalf`], [`OwnedWriteHalf`] |

mod read_half;
mod write_half;

pub use read_half::{OwnedReadHalf, ReadHalf, ReuniteError};
pub use write_half::{OwnedWriteHalf, WriteHalf};
