//! Empty pipes for `splice(2)`, kept for a moment for whoever needs one next.
//!
//! A relay of bulk takes a pipe when there is something to move, and gives it back, empty, when there is nothing more. To make
//! one each time would be four system calls. But an empty pipe is two descriptors and as much memory as it has had in it, so
//! none is kept for long:
//!
//! - not when the last [`User`] has gone;
//! - not when a reactor is closed, for then a runtime ends;
//! - not when nobody has used one for [`KEPT_FOR`]: a reactor whose owner is about to sleep, and finds that pipes are kept,
//!   [wakes once](crate::Reactor::turn) to let them go. Whoever has used one last turns a reactor, and sleeps after that.
//!
//! There is one list for the process, and how it is shared is told in `spares.rs`. A forked child that finds its parent's
//! pipes in it, which it has in common with the parent, closes them.

mod spares;

use self::spares::{Kept, Spares};
use crate::sync::{AtomicBool, AtomicUsize, Mutex};
use crate::sys::clock::real_now;
use crate::sys::fork::Process;
use crate::sys::pipe;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long pipes are kept that nobody uses.
pub const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many are kept at most.
const MOST: usize = 16;

static SPARES: Spares<SparePipe> = Spares::new(
    AtomicUsize::new(0),
    AtomicBool::new(false),
    Mutex::new(Kept::new()),
);

/// An empty pipe.
#[derive(Debug)]
pub struct SparePipe {
    /// The end to read from.
    pub reader: OwnedFd,
    /// The end to write to.
    pub writer: OwnedFd,
    /// How many bytes it holds.
    pub capacity: usize,
}

impl SparePipe {
    /// A new one, that is asked to hold `wanted` bytes, or else `least`. `None` if it holds fewer than that.
    ///
    /// # Errors
    ///
    /// The kernel's, from `pipe2(2)`.
    pub fn new(wanted: usize, least: usize) -> io::Result<Option<Self>> {
        let (reader, writer) = pipe::pipe()?;
        // An unprivileged user gets what it has, once it has too much in pipes.
        let capacity = pipe::set_capacity(writer.as_fd(), wanted)
            .or_else(|_| pipe::set_capacity(writer.as_fd(), least))
            .unwrap_or(0);
        let pipe = Self {
            reader,
            writer,
            capacity,
        };
        Ok((capacity >= least).then_some(pipe))
    }
}

/// Somebody who takes pipes now and then. While there is none, none are kept.
///
/// # Examples
///
/// ```
/// use waterwheel::reactor::spare_pipes::{SparePipe, User};
///
/// let user = User::new();
/// let pipe = match user.take() {
///     Some(pipe) => pipe,
///     None => SparePipe::new(1 << 20, 64 << 10)?.expect("a pipe that is worth it"),
/// };
/// user.keep(pipe);
/// # std::io::Result::Ok(())
/// ```
pub struct User {
    process: u32,
}

impl User {
    /// One more.
    #[must_use]
    pub fn new() -> Self {
        SPARES.come();
        Self {
            process: Process::current().number().get(),
        }
    }

    /// A pipe that was kept, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<SparePipe> {
        SPARES.take(self.process).0
    }

    /// Gives a pipe back, which must be empty: what is in it would come to somebody else.
    pub fn keep(&self, pipe: SparePipe) {
        drop(SPARES.keep(pipe, MOST, self.process, real_now()));
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User")
    }
}

impl Drop for User {
    fn drop(&mut self) {
        drop(SPARES.go());
    }
}

/// Closes all that are kept.
pub(crate) fn release() {
    drop(SPARES.take_all());
}

/// For who is about to sleep. Closes all if nobody has used one for long enough, or else tells for how long they are kept
/// yet.
#[inline]
pub(crate) fn tidy() -> Option<Duration> {
    if SPARES.are_kept() {
        close_unused()
    } else {
        None
    }
}

#[cold]
fn close_unused() -> Option<Duration> {
    let (unused, left) = SPARES.tidy(KEPT_FOR, real_now());
    drop(unused);
    left
}
