//! What all families of datagram sockets share.
//!
//! | file | what is there |
//! |---|---|
//! | `recv`, `recv_from` | [`RecvDatagram`], [`RecvFrom`]: the next datagram, without or with its sender |
//! | `send`, `send_to` | [`SendDatagram`], [`SendTo`]: one datagram, to where the socket is connected or to an address |
//! | `recv_or_end` | receives, or finds that receiving has been shut down |
//! | `recv_batch`, `send_batch` | [`RecvBatch`], [`SendBatch`]: several datagrams a system call |

mod recv;
mod recv_batch;
mod recv_from;
mod recv_or_end;
mod send;
mod send_batch;
mod send_to;

pub use recv::RecvDatagram;
pub(crate) use recv::{Take, try_recv};
pub use recv_batch::{Datagram, RecvBatch, RecvMany};
pub use recv_from::RecvFrom;
pub(crate) use recv_from::try_recv_from;
use recv_or_end::recv_or_end;
pub use send::SendDatagram;
pub(crate) use send::try_send;
pub use send_batch::{SendBatch, SendMany};
pub use send_to::SendTo;
pub(crate) use send_to::try_send_to;
