//! The sockets of Waterwheel: TCP, and Unix sockets; and the futures of their methods.
//!
//! A socket is an [`AsyncFd`](waterwheel_reactor::AsyncFd) around a descriptor, and each future is a
//! [`Wait`](waterwheel_reactor::Wait) on it together with what one system call needs. A call is made first, and waited
//! for only if it would have blocked. Methods take `&self`, so that one task reads while another writes.
//!
//! A method stands in one file with the future that it returns. Where sockets of several kinds have the same method, that
//! is the one of TCP, and the others name it.
//!
//! | module | what is there |
//! |---|---|
//! | `tcp_listener` | [`TcpListener`]: bind, addresses, conversions |
//! | `accept`, `incoming` | its futures: [`Accept`], and [`Incoming`], a stream of connections |
//! | `tcp_stream` | [`TcpStream`]: addresses, options, shutdown, conversions |
//! | `connect` | the way to a connected stream |
//! | `read`, `read_exact`, `peek` | [`Read`], [`ReadVectored`], [`ReadExact`], [`Peek`], and `try_read` |
//! | `write`, `write_all` | [`Write`], [`WriteVectored`], and [`WriteAll`], the completion future; and `try_write` |
//! | `ready` | [`Readable`] and [`Writable`] |
//! | `read_half`, `write_half` | the halves of a stream, borrowed and owned, and how to join them again |
//! | `outbox` | [`Outbox`]: queued, owned messages for one stream, from any thread |
//! | `copy` | [`copy()`], [`copy_bidirectional`], [`send_file`]: bytes that do not come to us |
//! | `buf_reader` | [`BufReader`]: by lines, or up to any delimiter |
//! | `chunk` | [`read_chunk`], and the buffer that the connections of a worker share |
//! | `serve` | [`serve()`]: a listener with a handler, and its end |
//! | `transfer` | what the futures that move bytes have in common |
//! | `unix_listener`, `unix_stream` | [`UnixListener`], [`UnixStream`]: the same on this machine |
//! | `connect_unix` | the way to a connected [`UnixStream`] |
//! | `poll_stream` | `PollStream`, for libraries that poll by traits; with the features `futures-io` and `hyper` |
//! | `listener_socket` | [`ListenerSocket`]: the same of listeners |
//! | `stream_socket` | [`StreamSocket`]: what may be used where any stream of bytes will do; `shared_stream`: an `Arc` of one, and [`StreamRef`] |
//! | `waiting` | the wakers of those who wait for the same |
//! | `addresses` | one address after another, until one serves |

#![forbid(unsafe_code)]

mod accept;
mod addresses;
mod buf_reader;
mod chunk;
mod connect;
mod connect_unix;
mod copy;
mod incoming;
mod listener_socket;
mod outbox;
mod peek;
#[cfg(any(feature = "futures-io", feature = "hyper"))]
mod poll_stream;
mod read;
mod read_exact;
mod read_half;
mod ready;
mod serve;
mod shared_stream;
mod stream_socket;
mod tcp_listener;
mod tcp_stream;
mod transfer;
mod unix_listener;
mod unix_stream;
mod waiting;
mod write;
mod write_all;
mod write_half;

pub use accept::Accept;
pub use buf_reader::{BufReader, FillBuf, Lines, ReadLine, ReadUntil};
pub use chunk::{ReadChunk, read_chunk};
pub use copy::{CopyBidirectional, Copying, SendFile, copy, copy_bidirectional, send_file};
pub use incoming::Incoming;
pub use listener_socket::ListenerSocket;
pub use outbox::{Close, CloseReport, Message, Outbox, Ready, Sent, Watermarks};
pub use peek::Peek;
#[cfg(any(feature = "futures-io", feature = "hyper"))]
pub use poll_stream::PollStream;
#[cfg(feature = "hyper")]
pub use poll_stream::{HyperExecutor, HyperTimer};
pub use read::{Read, ReadVectored};
pub use read_exact::ReadExact;
pub use read_half::{OwnedReadHalf, ReadHalf, ReuniteError};
pub use ready::{Readable, Writable};
pub use serve::{Listeners, ServeOptions, ServeReport, Server, ServerShutdown, serve};
pub use shared_stream::StreamRef;
pub use stream_socket::StreamSocket;
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
pub use waterwheel_reactor::sys::credentials::Credentials;
pub use write::{Write, WriteVectored};
pub use write_all::WriteAll;
pub use write_half::{OwnedWriteHalf, WriteHalf};
