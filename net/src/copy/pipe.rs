//! [`Pipe`]: where bytes are between two splices.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::spare_pipes::{SparePipe, User};
use waterwheel_reactor::sys::splice;

/// How many bytes a pipe is asked to hold: `fs.pipe-max-size`, unless somebody has changed that.
const CAPACITY: usize = 1 << 20;

/// A pipe that holds less is no better than a buffer.
const ENOUGH: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Pipe {
    pipe: SparePipe,
    /// How many bytes are in it.
    held: usize,
}

impl Pipe {
    /// An empty pipe, if the kernel gives one that is worth it.
    pub(super) fn take(user: &User) -> Option<Self> {
        let new = || SparePipe::new(CAPACITY, ENOUGH).ok().flatten();
        let pipe = user.take().or_else(new)?;
        Some(Self { pipe, held: 0 })
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes what the socket has. The pipe is empty, so that `WouldBlock` is of the socket. Neither that nor 0 says that
    /// the socket has nothing: see [`pump`](super::pump).
    pub(super) fn fill(&mut self, from: &OwnedFd) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0, "`WouldBlock` could mean a full pipe");
        let to = self.pipe.writer.as_fd();
        let count = splice::splice(from.as_fd(), to, self.pipe.capacity)?;
        self.held = count;
        Ok(count)
    }

    /// Gives the socket what is in the pipe, or as much as it has room for. There is something, so that `WouldBlock` is
    /// of the socket.
    pub(super) fn drain(&mut self, to: &OwnedFd) -> io::Result<usize> {
        debug_assert!(self.held > 0, "`WouldBlock` could mean an empty pipe");
        let count = splice::splice(self.pipe.reader.as_fd(), to.as_fd(), self.held)?;
        self.held -= count;
        Ok(count)
    }

    /// Leaves the pipe to who needs one next, if it is empty. One that is not is closed: what is in it is no other
    /// connection's.
    pub(super) fn put_back(self, user: &User) {
        if self.held == 0 {
            user.keep(self.pipe);
        }
    }
}
