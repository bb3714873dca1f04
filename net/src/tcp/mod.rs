//! TCP.
//!
//! | file | what is there |
//! |---|---|
//! | `listener` | [`TcpListener`]: binds, accepts |
//! | `group` | several listeners at one address |
//! | `stream` | [`TcpStream`]: addresses, options, shutdown, conversions |
//! | `read`, `write`, `async_io` | the methods of a stream that move bytes |
//! | `socket` | [`TcpSocket`]: a socket that neither is connected nor listens yet |
//! | `connect`, `connect_timeout` | the way to a connected stream |

mod async_io;
mod connect;
mod connect_timeout;
mod group;
mod listener;
mod read;
mod socket;
mod stream;
mod write;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use stream::TcpStream;
