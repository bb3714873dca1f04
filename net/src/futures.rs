//! The futures and streams that methods and functions of this crate return. A program awaits them, and seldom names them.

pub use crate::buffered::{FillBuf, Lines, ReadChunk, ReadLine, ReadUntil};
pub use crate::copy::{CopyBidirectional, Copying, SendFile};
pub use crate::datagram::{RecvDatagram, RecvFrom, RecvMany, SendDatagram, SendMany, SendTo};
pub use crate::outbox::{Close, Ready};
pub use crate::serve::ServerShutdown;
pub use crate::socket::{AsyncIo, Readable, Writable};
pub use crate::stream::{
    Accept, Incoming, Peek, Read, ReadExact, ReadVectored, Write, WriteAll, WriteVectored,
};
