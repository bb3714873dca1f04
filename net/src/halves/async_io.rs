//! `try_io` and `async_io` of the halves.

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::socket::{AsyncIo, Ends, try_io};
use crate::stream::StreamSocket;
use std::io;
use waterwheel_reactor::Interest;

/// The two methods of a half, which knows its direction.
macro_rules! own_calls_of_half {
    ($half:ty, $direction:ident) => {
        impl<S: StreamSocket> $half {
            /// Runs `operation`, a system call of the caller's own in the direction of this half, if the stream is thought to be
            /// ready for it, and does not wait. As [`TcpStream::try_io`](crate::TcpStream::try_io), which says what it is for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the stream is not ready: `operation` has not run. Otherwise, what `operation` gives.
            pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                try_io(self.as_ref().io(), Interest::$direction, operation)
            }

            /// Runs `operation`, a system call of the caller's own in the direction of this half, until it gives something else
            /// than `WouldBlock`, waiting in between. As [`TcpStream::async_io`](crate::TcpStream::async_io), also in its errors, panics and cancel safety.
            pub fn async_io<R, F>(&self, operation: F) -> AsyncIo<'_, F>
            where
                F: FnMut() -> io::Result<R>,
            {
                let io = self.as_ref().io();
                AsyncIo::new(
                    io,
                    Interest::$direction,
                    S::CALLS.async_io,
                    Ends::BY_ITSELF,
                    operation,
                )
            }
        }
    };
}

own_calls_of_half!(ReadHalf<'_, S>, Read);
own_calls_of_half!(OwnedReadHalf<S>, Read);
own_calls_of_half!(WriteHalf<'_, S>, Write);
own_calls_of_half!(OwnedWriteHalf<S>, Write);
