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
//! There is one list for the process. It is never waited for: who finds it locked makes a pipe, or closes one. So a child that
//! was forked while it was locked does not wait either; and one that finds its parent's pipes in it, which it shares with the
//! parent, closes them.

use crate::sys::pipe;
use std::fmt;
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long pipes are kept that nobody uses.
pub const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many are kept at most.
const MOST: usize = 16;

static USERS: AtomicUsize = AtomicUsize::new(0);
/// Whether there are any, for those that need not know more.
static ANY: AtomicBool = AtomicBool::new(false);
static KEPT: Mutex<Kept> = Mutex::new(Kept {
    pipes: Vec::new(),
    process: 0,
    used: None,
});

struct Kept {
    pipes: Vec<SparePipe>,
    /// Whose they are.
    process: u32,
    /// When one was given back last.
    used: Option<Instant>,
}

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
        use std::os::fd::AsFd;
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
        USERS.fetch_add(1, Ordering::AcqRel);
        Self {
            process: process::id(),
        }
    }

    /// A pipe that was kept, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<SparePipe> {
        if !are_kept() {
            return None;
        }
        let mut kept = lock()?;
        if kept.process != self.process {
            let of_parent = kept.take_all();
            drop(kept);
            drop(of_parent);
            return None;
        }
        let pipe = kept.pipes.pop();
        ANY.store(!kept.pipes.is_empty(), Ordering::Relaxed);
        pipe
    }

    /// Gives a pipe back, which must be empty: what is in it would come to somebody else.
    pub fn keep(&self, pipe: SparePipe) {
        let Some(mut kept) = lock() else {
            return;
        };
        let of_parent = if kept.process == self.process {
            Vec::new()
        } else {
            kept.take_all()
        };
        if kept.pipes.len() < MOST {
            kept.process = self.process;
            kept.used = Some(Instant::now());
            kept.pipes.push(pipe);
            ANY.store(true, Ordering::Relaxed);
        }
        drop(kept);
        drop(of_parent);
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
        if USERS.fetch_sub(1, Ordering::AcqRel) == 1 {
            // See `release_unused`.
            fence(Ordering::SeqCst);
            release();
        }
    }
}

impl Kept {
    fn take_all(&mut self) -> Vec<SparePipe> {
        ANY.store(false, Ordering::Relaxed);
        mem::take(&mut self.pipes)
    }
}

fn lock() -> Option<MutexGuard<'static, Kept>> {
    match KEPT.try_lock() {
        Ok(kept) => Some(kept),
        Err(TryLockError::Poisoned(kept)) => Some(kept.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Whether there are any. A hint: it may have changed.
#[inline]
pub(crate) fn are_kept() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// Closes all of them.
pub(crate) fn release() {
    if are_kept() {
        // Who has it locked is a user, or looks for the last one afterwards.
        let all = lock().map(|mut kept| kept.take_all());
        drop(all);
    }
}

/// For who is about to sleep. Closes all of them if nobody has used one for long enough, or else tells for how long they
/// are kept yet.
#[inline]
pub(crate) fn tidy() -> Option<Duration> {
    if are_kept() { release_unused() } else { None }
}

#[cold]
fn release_unused() -> Option<Duration> {
    let mut kept = lock()?;
    if kept.pipes.is_empty() {
        return None;
    }
    let left = kept
        .used
        .and_then(|used| KEPT_FOR.checked_sub(used.elapsed()))
        .filter(|left| !left.is_zero());
    let all = left.is_none().then(|| kept.take_all());
    drop(kept);
    drop(all);
    // The last user may have gone meanwhile, and have found the list locked. Of its going and this unlocking, one comes
    // first for both: either it found the list unlocked, or it is seen here that there is none.
    fence(Ordering::SeqCst);
    if USERS.load(Ordering::Relaxed) == 0 {
        release();
        return None;
    }
    left
}
