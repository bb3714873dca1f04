//! What all families of datagram sockets share.
//!
//! | file | what is there |
//! |---|---|
//! | `recv`, `recv_from` | [`RecvDatagram`], [`RecvFrom`]: the next datagram, without or with its sender |
//! | `send`, `send_to` | [`SendDatagram`], [`SendTo`]: one datagram, to where the socket is connected or to an address |
//! | `recv_batch`, `send_batch` | [`RecvBatch`], [`SendBatch`]: several datagrams a system call |

mod recv;
mod recv_batch;
mod recv_from;
mod send;
mod send_batch;
mod send_to;

pub use recv::RecvDatagram;
pub(crate) use recv::Take;
pub use recv_batch::{Datagram, RecvBatch, RecvMany};
pub use recv_from::RecvFrom;
pub use send::SendDatagram;
pub use send_batch::{SendBatch, SendMany};
pub use send_to::SendTo;
