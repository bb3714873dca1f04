//! Unix sockets.
//!
//! | file | what is there |
//! |---|---|
//! | `listener` | [`UnixListener`]: binds, accepts |
//! | `stream` | [`UnixStream`]: a connection on this machine |
//! | `connect` | the way to a connected stream |
//! | `datagram` | [`UnixDatagram`]: datagrams on this machine |
//! | `send_to` | sends a datagram to an address, also while the receiver has no room |

mod connect;
mod datagram;
mod listener;
mod send_to;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;
pub use waterwheel_reactor::sys::credentials::Credentials;
