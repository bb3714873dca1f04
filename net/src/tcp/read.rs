//! What reads from a [`TcpStream`]. The futures are those of all [streams](crate::stream).

use super::TcpStream;
use crate::socket::Readable;
use crate::stream::sealed::Io;
use crate::stream::{Peek, Read, ReadExact, ReadVectored, transfer};
use std::io::{self, IoSliceMut};

impl TcpStream {
    /// Reads what has been received, as much as `buffer` has room for; waits if there is nothing.
    ///
    /// It gives the number of bytes. 0 is the end: the peer has ended its writing, and nothing will come any more. An
    /// empty buffer gives 0 too, at once, and says nothing.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recv(2)`: `ConnectionReset` if the peer has gone without an end.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes are taken only inside the poll that reports them.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"water").await?;
    ///     drop(client);
    ///     let mut buffer = [0; 1024];
    ///     let mut received = Vec::new();
    ///     loop {
    ///         match server.read(&mut buffer).await? {
    ///             0 => break,
    ///             count => received.extend_from_slice(&buffer[..count]),
    ///         }
    ///     }
    ///     assert_eq!(received, b"water");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> Read<'a, Self> {
        Read::new(self, buffer)
    }

    /// As [`read`](Self::read), to several buffers, each filled before the next. Of more than 1024 the rest is left
    /// alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IoSliceMut;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"headbody").await?;
    ///     let (mut head, mut body) = ([0; 4], [0; 16]);
    ///     let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    ///     assert_eq!(server.read_vectored(&mut buffers).await?, 8);
    ///     assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_vectored<'a, 'b>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'b>],
    ) -> ReadVectored<'a, 'b, Self> {
        ReadVectored::new(self, buffers)
    }

    /// Reads what has been received, and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, and [`readable`](Self::readable) then waits until there is; else as
    /// [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"water").await?;
    ///     let mut buffer = [0; 1024];
    ///     let count = loop {
    ///         server.readable().await?;
    ///         match server.try_read(&mut buffer) {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             result => break result?,
    ///         }
    ///     };
    ///     assert_eq!(&buffer[..count], b"water");
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::try_recv(&self.io, buffer)
    }

    /// As [`try_read`](Self::try_read), to several buffers, as [`read_vectored`](Self::read_vectored).
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        transfer::try_recv_vectored(&self.io, buffers)
    }

    /// Reads until `buffer` is full.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends before; else as [`read`](Self::read). The bytes that came before stand in
    /// the buffer, and [`filled`](crate::futures::ReadExact::filled) counts them.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future midway leaves what it has read at the front of the buffer.
    /// [`filled`](crate::futures::ReadExact::filled), asked before, tells how much that is, and where to go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"headbo").await?;
    ///     drop(client);
    ///     let (mut head, mut body) = ([0; 4], [0; 4]);
    ///     server.read_exact(&mut head).await?;
    ///     assert_eq!(&head, b"head");
    ///
    ///     let mut reading = server.read_exact(&mut body);
    ///     let error = (&mut reading).await.unwrap_err();
    ///     assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    ///     assert_eq!(reading.filled(), 2);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    #[inline]
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> ReadExact<'a, Self> {
        ReadExact::new(self, buffer)
    }

    /// As [`read`](Self::read), but leaves what it reads where it was: the next `peek` or `read` gives it again.
    ///
    /// It waits only while there is nothing at all. To wait for *more* than was peeked, read.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{TcpListener, TcpStream};
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     client.write_all(b"GET /").await?;
    ///     let mut method = [0; 3];
    ///     server.peek(&mut method).await?;
    ///     assert_eq!(&method, b"GET");
    ///     server.read_exact(&mut method).await?;
    ///     assert_eq!(&method, b"GET");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> Peek<'a, Self> {
        Peek::new(self, buffer)
    }

    /// Waits until there is something to read, or the end, or an error.
    ///
    /// It may be mistaken: read with [`try_read`](Self::try_read), and wait again if that says `WouldBlock`. Any number
    /// of tasks may wait at the same time, and all are woken.
    ///
    /// # Errors
    ///
    /// The kernel's, from `epoll_ctl(2)`, if the socket cannot be registered. An error of the connection is no error
    /// here: the next read gives it.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the readiness stays.
    ///
    /// # Examples
    ///
    /// See [`try_read`](Self::try_read).
    pub fn readable(&self) -> Readable<'_> {
        Readable::new(&self.io, Self::CALLS.readable)
    }
}
