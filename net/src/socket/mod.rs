//! What sockets of every kind share.
//!
//! | file | what is there |
//! |---|---|
//! | `ready` | [`Readable`], [`Writable`]: wait until a call would not block |
//! | `async_io` | [`AsyncIo`], and the methods `try_io` and `async_io`: system calls of the user's own |
//! | `from_std` | takes over a socket of the standard library |

mod async_io;
mod from_std;
mod ready;

pub use async_io::AsyncIo;
pub(crate) use from_std::from_std;
pub use ready::{Readable, Writable};
