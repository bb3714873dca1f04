//! What all families of stream sockets share. No family is known here: each implements the traits, and returns the futures.
//!
//! | file | what is there |
//! |---|---|
//! | `stream_socket` | [`StreamSocket`]: the trait of a connected stream |
//! | `shared_stream` | an `Arc` of a stream is a stream; [`StreamRef`]: a stream, or a reference to one |
//! | `read`, `read_exact`, `peek` | [`Read`], [`ReadVectored`], [`ReadExact`], [`Peek`] |
//! | `write`, `write_all` | [`Write`], [`WriteVectored`], [`WriteAll`] |
//! | `transfer` | the system calls of these futures, each through a wait |
//! | `listener_socket` | [`ListenerSocket`]: the trait of a listener |
//! | `accept`, `incoming` | [`Accept`], and [`Incoming`], a stream of connections |

mod accept;
mod incoming;
mod listener_socket;
mod peek;
mod read;
mod read_exact;
mod shared_stream;
mod stream_socket;
pub(crate) mod transfer;
mod write;
mod write_all;

pub use accept::Accept;
pub use incoming::Incoming;
pub use listener_socket::ListenerSocket;
pub(crate) use listener_socket::sealed::Listen;
pub use peek::Peek;
pub use read::{Read, ReadVectored};
pub use read_exact::ReadExact;
pub use shared_stream::StreamRef;
pub use stream_socket::StreamSocket;
pub(crate) use stream_socket::{Calls, calls_of, sealed};
pub use write::{Write, WriteVectored};
pub use write_all::WriteAll;
