//! `try_io` and `async_io` of a [`TcpStream`]: system calls that Waterwheel has no method for.

use super::TcpStream;
use crate::socket::{AsyncIo, Ends, try_io};
use crate::stream::sealed::Io;
use std::io;
use waterwheel_reactor::Interest;

impl TcpStream {
    /// Runs `operation`, a system call of the caller's own, if the socket is thought to be ready in `direction`, and does not wait.
    ///
    /// It is for calls that this type has no method for, or for another library that makes them: `recvmsg(2)` with control messages, an
    /// encrypting library. The socket is in non-blocking mode, and the call must be one that moves bytes in `direction`, so that its
    /// `WouldBlock` says that the socket is not ready. Then the readiness is cleared, and [`readable`](Self::readable) or
    /// [`writable`](Self::writable) waits for the next event. A call that is made outside of this clears nothing, and the next `readable`
    /// would be ready at once. So do not give `WouldBlock` back for another reason.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is not ready: `operation` has not run. Otherwise, what `operation` gives.
    ///
    /// # Examples
    ///
    /// Another type reads from a duplicate of the descriptor:
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::{TcpListener, TcpStream};
    /// use waterwheel::reactor::Interest;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     let mut reader = std::net::TcpStream::from(server.as_fd().try_clone_to_owned()?);
    ///     client.write_all(b"water").await?;
    ///     let mut buffer = [0; 16];
    ///     let count = loop {
    ///         server.readable().await?;
    ///         match server.try_io(Interest::Read, || reader.read(&mut buffer)) {
    ///             Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
    ///             read => break read?,
    ///         }
    ///     };
    ///     assert_eq!(&buffer[..count], b"water");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_io<R>(
        &self,
        direction: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        try_io(&self.io, direction, operation)
    }

    /// Runs `operation`, a system call of the caller's own, until it gives something else than `WouldBlock`, waiting in between until
    /// the socket is ready in `direction`. In all else as [`try_io`](Self::try_io).
    ///
    /// `operation` is tried at once, and called again from the start. It must not await or poll anything.
    ///
    /// # Errors
    ///
    /// What `operation` gives; the kernel's, from `epoll_ctl(2)`, if the socket cannot be registered.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// `operation` runs only inside a poll, so dropping the future never interrupts it: when it has succeeded, the future is ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::fd::AsFd;
    /// use waterwheel::net::{TcpListener, TcpStream};
    /// use waterwheel::reactor::Interest;
    ///
    /// waterwheel::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///
    ///     let mut writer = std::net::TcpStream::from(client.as_fd().try_clone_to_owned()?);
    ///     let wrote = client.async_io(Interest::Write, || writer.write(b"wheel")).await?;
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(server.read(&mut buffer).await?, wrote);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn async_io<R, F>(&self, direction: Interest, operation: F) -> AsyncIo<'_, F>
    where
        F: FnMut() -> io::Result<R>,
    {
        AsyncIo::new(
            &self.io,
            direction,
            Self::CALLS.async_io,
            Ends::BY_ITSELF,
            operation,
        )
    }
}
