//! What sockets of every kind share.
//!
//! | file | what is there |
//! |---|---|
//! | `ready` | [`Readable`], [`Writable`]: wait until a call would not block |
//! | `async_io` | [`AsyncIo`], and the methods `try_io` and `async_io`: system calls of the user's own |
//! | `shutdown` | ends a direction, and wakes what waits in it |
//! | `conversions` | from the sockets of the standard library, and back; the traits that every socket implements |

mod async_io;
mod conversions;
mod ready;
mod shutdown;

pub use async_io::AsyncIo;
pub(crate) use async_io::{Ends, own_calls, try_io};
pub(crate) use conversions::{conversions, from_std};
pub use ready::{Readable, Writable};
pub(crate) use shutdown::shutdown;
