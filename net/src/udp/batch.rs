//! Several datagrams a system call, of a [`UdpSocket`].

use super::UdpSocket;
use crate::datagram::{RecvBatch, RecvMany, SendBatch, SendMany};
use std::io;

impl UdpSocket {
    /// Receives as many datagrams as there are and `batch` has room for, by one system call; waits if there is none.
    ///
    /// It gives their number, and `batch` has them. What it had before is gone.
    ///
    /// # Errors
    ///
    /// The kernel's, from `recvmmsg(2)`: as [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: datagrams are taken only inside the poll that reports them. The batch is empty
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{RecvBatch, UdpSocket};
    ///
    /// waterwheel::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     for word in ["turn", "by", "turn"] {
    ///         client.send_to(word.as_bytes(), server.local_addr()?).await?;
    ///     }
    ///
    ///     let mut batch = RecvBatch::new(16, 1500);
    ///     let mut heard = Vec::new();
    ///     while heard.len() < 3 {
    ///         server.recv_batch(&mut batch).await?;
    ///         for datagram in batch.iter() {
    ///             assert_eq!(datagram.from, client.local_addr()?);
    ///             heard.push(String::from_utf8_lossy(datagram.bytes).into_owned());
    ///         }
    ///     }
    ///     assert_eq!(heard, ["turn", "by", "turn"]);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn recv_batch<'a>(&'a self, batch: &'a mut RecvBatch) -> RecvMany<'a> {
        RecvMany::new(&self.io, batch)
    }

    /// As [`recv_batch`](Self::recv_batch), and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no datagram, and [`readable`](Self::readable) then waits until there is one; else as
    /// [`recv_batch`](Self::recv_batch).
    pub fn try_recv_batch(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        batch.try_recv(&self.io)
    }

    /// Sends what is left to send in `batch`, in order, up to 1024 datagrams a system call, and waits while the kernel has
    /// no room. It is ready when the last has been sent.
    ///
    /// # Errors
    ///
    /// The kernel's, from `sendmmsg(2)`: as [`send`](Self::send). Those before the one that met the error have been sent,
    /// and [`sent`](SendBatch::sent) counts them. To send again tries that one again, and
    /// [`skip`](SendBatch::skip) leaves it out.
    ///
    /// # Panics
    ///
    /// When it must wait, and is polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future midway has sent exactly [`sent`](SendBatch::sent) datagrams, and to send the batch again goes on
    /// with the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use waterwheel::net::{SendBatch, UdpSocket};
    ///
    /// waterwheel::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let to = server.local_addr()?;
    ///
    ///     let mut batch = SendBatch::new();
    ///     batch.push(b"turn", to);
    ///     batch.push(b"again", to);
    ///     client.send_batch(&mut batch).await?;
    ///     assert_eq!(batch.sent(), 2);
    ///     batch.clear();
    ///
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(server.recv(&mut buffer).await?, 4);
    ///     assert_eq!(server.recv(&mut buffer).await?, 5);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn send_batch<'a>(&'a self, batch: &'a mut SendBatch) -> SendMany<'a> {
        SendMany::new(&self.io, batch)
    }

    /// Sends as much of what is left to send in `batch` as there is room for, by one system call, and gives the number of
    /// datagrams.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, and [`writable`](Self::writable) then waits until there is; else as
    /// [`send_batch`](Self::send_batch).
    pub fn try_send_batch(&self, batch: &mut SendBatch) -> io::Result<usize> {
        batch.try_send(&self.io)
    }
}
