//! [`Ring`]: how many bytes are still to be passed on, and how many have been read; and the sockets of a ring.
//!
//! All tasks of a ring are on one thread. The numbers are atomic as some runtimes want their tasks to be `Send`, and are
//! loaded and stored, as no other thread changes them.

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct Ring {
    /// To be written yet.
    writes: AtomicU64,
    /// To be read yet.
    reads: AtomicU64,
    read: AtomicU64,
    /// Of whoever waits for the last read.
    finished: Mutex<Option<oneshot::Sender<()>>>,
}

impl Ring {
    /// Before so many reads, the first of which are of bytes that are there already.
    pub(super) fn begin(&self, reads: u64, active: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.finished.lock().expect("nobody panics with this lock") = Some(sender);
        self.writes.store(reads - active, Relaxed);
        self.reads.store(reads, Relaxed);
        self.read.store(0, Relaxed);
        receiver
    }

    /// Whether whoever has read a byte is to write one.
    #[inline]
    pub(super) fn passes_on(&self) -> bool {
        let writes = self.writes.load(Relaxed);
        self.writes.store(writes.saturating_sub(1), Relaxed);
        writes > 0
    }

    /// A byte has been read, and written if it was to be.
    #[inline]
    pub(super) fn count(&self) {
        let read = self.read.load(Relaxed) + 1;
        self.read.store(read, Relaxed);
        if read == self.reads.load(Relaxed) {
            let mut finished = self.finished.lock().expect("nobody panics with this lock");
            let sender = finished.take().expect("the end is reached once");
            sender.send(()).expect("the main future waits");
        }
    }

    /// How many have been read.
    pub(super) fn done(&self) -> u64 {
        self.read.load(Relaxed)
    }
}

/// Where each task reads, and where it writes: the other end of what the next one reads.
type Places = Vec<(UnixStream, UnixStream)>;

/// So many pairs in a ring, and by what the bytes come into it: as many, evenly spread.
pub(super) fn pairs(count: usize, active: usize) -> io::Result<(Vec<UnixStream>, Places)> {
    let (mut reading, mut writing) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (read, write) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        reading.push(UnixStream::from(read));
        writing.push(UnixStream::from(write));
    }
    let starts = writing.iter().step_by(count / active);
    let starts = starts
        .map(UnixStream::try_clone)
        .collect::<io::Result<_>>()?;
    writing.rotate_left(1);
    Ok((starts, reading.into_iter().zip(writing).collect()))
}

/// Puts the bytes in.
pub(super) fn start(starts: &[UnixStream]) -> io::Result<()> {
    starts.iter().try_for_each(|mut pair| pair.write_all(&[0]))
}
