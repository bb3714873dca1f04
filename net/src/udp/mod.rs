//! UDP.
//!
//! | file | what is there |
//! |---|---|
//! | `socket` | [`UdpSocket`]: binds, connects, sends, receives |
//! | `multicast` | the groups that a socket receives for |

mod multicast;
mod socket;

pub use socket::UdpSocket;
