//! [`Pipe`]: where bytes are between two splices; and the few that a thread keeps for whoever needs one next.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use waterwheel_reactor::sys::fork::Process;
use waterwheel_reactor::sys::{pipe, splice};

/// How many bytes a pipe is asked to hold: `fs.pipe-max-size`, unless somebody has changed that.
const CAPACITY: usize = 1 << 20;

/// A pipe that holds less is no better than a buffer.
const ENOUGH: usize = 64 << 10;

/// How many empty pipes a thread keeps: two descriptors each.
const KEEP: usize = 8;

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// The process that made it. A child of `fork` shares the pipe with that.
    process: Process,
    capacity: usize,
    /// How many bytes are in it.
    held: usize,
}

impl Pipe {
    /// An empty pipe, if the kernel gives one that is worth it.
    pub(super) fn take() -> Option<Self> {
        let kept = EMPTY.try_with(|empty| empty.borrow_mut().pop());
        let own = kept.ok().flatten().filter(|pipe| pipe.process.is_current());
        own.or_else(|| Self::new().ok().flatten())
    }

    fn new() -> io::Result<Option<Self>> {
        let (reader, writer) = pipe::pipe()?;
        // An unprivileged user gets what it has, once it has too much in pipes.
        let capacity = pipe::set_capacity(writer.as_fd(), CAPACITY)
            .or_else(|_| pipe::set_capacity(writer.as_fd(), ENOUGH))
            .unwrap_or(0);
        let pipe = Self {
            reader,
            writer,
            process: Process::current(),
            capacity,
            held: 0,
        };
        Ok((capacity >= ENOUGH).then_some(pipe))
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes what the socket has. The pipe is empty, so that `WouldBlock` is of the socket.
    pub(super) fn fill(&mut self, from: &OwnedFd) -> io::Result<usize> {
        debug_assert_eq!(self.held, 0, "`WouldBlock` could mean a full pipe");
        let count = splice::splice(from.as_fd(), self.writer.as_fd(), self.capacity)?;
        self.held = count;
        Ok(count)
    }

    /// Gives the socket what is in the pipe, or as much as it has room for. There is something, so that `WouldBlock` is
    /// of the socket.
    pub(super) fn drain(&mut self, to: &OwnedFd) -> io::Result<usize> {
        debug_assert!(self.held > 0, "`WouldBlock` could mean an empty pipe");
        let count = splice::splice(self.reader.as_fd(), to.as_fd(), self.held)?;
        self.held -= count;
        Ok(count)
    }

    /// Leaves the pipe to who needs one next on this thread, if it is empty. One that is not is closed: what is in it
    /// is no other connection's.
    pub(super) fn put_back(self) {
        if self.held == 0 && self.process.is_current() {
            let _ = EMPTY.try_with(|empty| {
                let mut empty = empty.borrow_mut();
                if empty.len() < KEEP {
                    empty.push(self);
                }
            });
        }
    }
}
