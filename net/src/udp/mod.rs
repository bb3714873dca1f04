//! UDP.
//!
//! | file | what is there |
//! |---|---|
//! | `socket` | [`UdpSocket`]: binds, connects, sends, receives |
//! | `batch` | several datagrams a system call |
//! | `multicast` | the groups that a socket receives for |

mod batch;
mod multicast;
mod socket;

pub use socket::UdpSocket;
