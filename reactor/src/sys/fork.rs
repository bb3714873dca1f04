//! `fork(2)`: which process this is, told without a system call.
//!
//! A child that `fork` has made, or a raw `clone`, has a copy of its parent's memory, and shares the parent's kernel objects: the epoll
//! instance, the eventfd, the timerfd. What it does to these it does to the parent. So what stands for such an object remembers the
//! [`Process`] that made it, and leaves the object alone in any other.
//!
//! # How it is told
//!
//! The number of the present process is in a page of memory with `MADV_WIPEONFORK` (`madvise(2)`, Linux 4.14): the kernel gives a
//! child a page of zeros in its place, however the child was made. So a look is two loads. A process that finds zero there takes the
//! next number, which none of its ancestors has: the counter behind the numbers is in ordinary memory, which the child has a copy of.
//! Siblings may have the same number. That is harmless, as neither has anything of the other's.
//!
//! Where the kernel refuses the page, each look asks `getpid(2)`. That is a system call for each descriptor that is closed, and it does not
//! tell a child in a new PID namespace that got its parent's number.
//!
//! A process that shares its parent's memory (`vfork`, `CLONE_VM`) is no other process here.
//!
//! # In a signal handler
//!
//! A look is an atomic load or two, and at most an atomic exchange, once a process exists: a handler may look. Only the first look of all
//! maps the page, and `signal` looks before it sets a handler.

use std::cell::UnsafeCell;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::thread;

/// A process: the one that something was made in, to be compared with the [present](Self::current) one.
///
/// # Examples
///
/// ```
/// use waterwheel::reactor::sys::fork::Process;
///
/// let made_in = Process::current();
/// assert!(made_in.is_current(), "no child of `fork` says so");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(NonZeroU32);

impl Process {
    /// The process that calls this.
    #[inline]
    #[must_use]
    pub fn current() -> Self {
        match NonZeroU32::new(MARK.look()) {
            Some(number) => Self(number),
            None => Self(MARK.number()),
        }
    }

    /// Whether it is the process that calls this: `false` in a child that was forked from it.
    #[inline]
    #[must_use]
    pub fn is_current(self) -> bool {
        MARK.look() == self.0.get() || self.is_current_after_all()
    }

    #[cold]
    #[inline(never)]
    fn is_current_after_all(self) -> bool {
        Self::current() == self
    }

    /// Its number. No process has the number of one that it was forked from.
    #[must_use]
    pub fn number(self) -> NonZeroU32 {
        self.0
    }

    /// A look at whether it is still the present process, for a loop that looks often.
    #[must_use]
    pub fn watch(self) -> Watch {
        let word = MARK.word.load(Ordering::Acquire);
        // SAFETY: as in `Mark::look`.
        let word = unsafe { &*word };
        if ptr::eq(word, &raw const REFUSED) {
            return Watch {
                word: &UNTOLD,
                number: UNTOLD.load(Ordering::Relaxed),
            };
        }
        Watch {
            word,
            number: self.0.get(),
        }
    }
}

/// Tells, by two loads, whether the process has been forked. Where the kernel gives no page to tell by, it does not; there
/// [`Process::is_current`] asks for the PID.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    word: &'static AtomicU32,
    number: u32,
}

impl Watch {
    /// Whether this is a child of the process that began to watch.
    #[inline]
    #[must_use]
    pub fn has_forked(self) -> bool {
        !self.finds(self.number)
    }

    /// What it [finds](Self::finds) as long as the process has not been forked. Neither zero nor the greatest number.
    #[must_use]
    pub fn expected(self) -> u32 {
        self.number
    }

    /// Whether that is what it finds: for a loop that has other things than a fork to look for by the same comparison, and then compares with
    /// a number that is never found.
    #[inline]
    #[must_use]
    pub fn finds(self, expected: u32) -> bool {
        self.word.load(Ordering::Relaxed) == expected
    }
}

/// The process that something belongs to, which a child may take over.
#[derive(Debug)]
pub(crate) struct Owner(AtomicU32);

impl Owner {
    /// The present process.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(Process::current().0.get()))
    }

    /// Whether it is the present process.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        let number = NonZeroU32::new(self.0.load(Ordering::Relaxed));
        number.is_some_and(|number| Process(number).is_current())
    }

    /// From here on it is the present process.
    #[cfg(not(loom))]
    pub(crate) fn take_over(&self) {
        self.0.store(Process::current().0.get(), Ordering::Relaxed);
    }
}

static MARK: Mark = Mark::new(map_page);

/// Stands for the page before there is one.
static NO_PAGE: AtomicU32 = AtomicU32::new(0);

/// Stands for the page where there can be none. It stays zero.
static REFUSED: AtomicU32 = AtomicU32::new(0);

/// Stands for the page where there can be none, for who watches it. It stays as it is.
static UNTOLD: AtomicU32 = AtomicU32::new(1);

/// Where the number of the present process is.
struct Mark {
    /// The word in the page, or one of the two above.
    word: AtomicPtr<AtomicU32>,
    map: fn() -> Option<ptr::NonNull<AtomicU32>>,
    /// The last number that was given.
    last: AtomicU32,
    /// Without a page: the number of the process, in the lower half, and which PID it was given to, in the upper.
    by_pid: AtomicU64,
}

impl Mark {
    const fn new(map: fn() -> Option<ptr::NonNull<AtomicU32>>) -> Self {
        Self {
            word: AtomicPtr::new((&raw const NO_PAGE).cast_mut()),
            map,
            last: AtomicU32::new(0),
            by_pid: AtomicU64::new(0),
        }
    }

    /// What is in the page: the number of the present process, or zero.
    #[inline]
    fn look(&self) -> u32 {
        let word = self.word.load(Ordering::Acquire);
        // SAFETY: it points to a static, or into a page that is never unmapped once it is here.
        unsafe { &*word }.load(Ordering::Relaxed)
    }

    /// The number of the present process, whether or not it is in the page yet.
    #[cold]
    fn number(&self) -> NonZeroU32 {
        let mut word = self.word.load(Ordering::Acquire);
        if ptr::eq(word, &raw const NO_PAGE) {
            word = self.find_word();
        }
        if ptr::eq(word, &raw const REFUSED) {
            return self.number_by_pid();
        }
        // SAFETY: as in `look`.
        let word = unsafe { &*word };
        let next = self.next();
        // Another thread may have come first.
        match word.compare_exchange(0, next.get(), Ordering::Relaxed, Ordering::Relaxed) {
            Err(there) => NonZeroU32::new(there).unwrap_or(next),
            Ok(_) => next,
        }
    }

    /// Maps the page, if no other thread does so first.
    fn find_word(&self) -> *mut AtomicU32 {
        let mapped = (self.map)();
        let word = mapped.map_or((&raw const REFUSED).cast_mut(), ptr::NonNull::as_ptr);
        let none = (&raw const NO_PAGE).cast_mut();
        let set = self
            .word
            .compare_exchange(none, word, Ordering::AcqRel, Ordering::Acquire);
        // A page that came too late stays mapped: it is one, and nothing is in it.
        set.err().unwrap_or(word)
    }

    fn number_by_pid(&self) -> NonZeroU32 {
        let pid = u64::from(std::process::id());
        let known = self.by_pid.load(Ordering::Relaxed);
        let number_in = |known: u64| NonZeroU32::new(known as u32).filter(|_| known >> 32 == pid);
        number_in(known).unwrap_or_else(|| {
            let next = self.next();
            let new = pid << 32 | u64::from(next.get());
            let set =
                self.by_pid
                    .compare_exchange(known, new, Ordering::Relaxed, Ordering::Relaxed);
            set.err().and_then(number_in).unwrap_or(next)
        })
    }

    /// A number that none of this process's ancestors has.
    fn next(&self) -> NonZeroU32 {
        let last = self.last.fetch_add(1, Ordering::Relaxed);
        NonZeroU32::new(last.wrapping_add(1)).unwrap_or(NonZeroU32::MIN)
    }
}

/// A page of zeros that a child gets anew. `None` where the kernel has no such page.
#[cfg(not(miri))]
fn map_page() -> Option<ptr::NonNull<AtomicU32>> {
    // The kernel rounds it up to a page of its own size.
    const LENGTH: usize = size_of::<AtomicU32>();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at an address of the kernel's choice, of no file.
    let page = unsafe { libc::mmap(ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is the mapping that was just made.
    if unsafe { libc::madvise(page, LENGTH, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above, and no pointer to it has left this function.
        unsafe { libc::munmap(page, LENGTH) };
        return None;
    }
    ptr::NonNull::new(page.cast())
}

/// Miri has neither such a page nor `fork`: a static that nobody wipes will do.
#[cfg(miri)]
fn map_page() -> Option<ptr::NonNull<AtomicU32>> {
    static WORD: AtomicU32 = AtomicU32::new(0);
    Some(ptr::NonNull::from(&WORD))
}

/// A lock that a child need not find locked for ever: what a thread of the parent's held at the moment of the fork, no thread of the child
/// gives back. Whoever finds it so takes it over, and with it a fresh value, as the old one may be half changed.
///
/// It is for what is seldom done: who finds it locked by a thread of its own process yields until it is not.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    /// The number of the process of the thread that has it, or zero.
    holder: AtomicU32,
    value: UnsafeCell<T>,
    fresh: fn() -> T,
}

// SAFETY: the value is reached by one thread at a time, the one that has the lock.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T, fresh: fn() -> T) -> Self {
        Self {
            holder: AtomicU32::new(0),
            value: UnsafeCell::new(value),
            fresh,
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let own = Process::current().0.get();
        loop {
            match self
                .holder
                .compare_exchange(0, own, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Locked(self),
                Err(holder) if holder == own => thread::yield_now(),
                Err(vanished) => {
                    let taken = self.holder.compare_exchange(
                        vanished,
                        own,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if taken.is_ok() {
                        // SAFETY: the lock is ours, and the thread that had it is not in this process. What it left is not dropped.
                        unsafe { self.value.get().write((self.fresh)()) };
                        return Locked(self);
                    }
                }
            }
        }
    }
}

/// The time in which a thread has a [`Lock`].
#[derive(Debug)]
pub(crate) struct Locked<'a, T>(&'a Lock<T>);

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is this guard's.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is this guard's.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.0.holder.store(0, Ordering::Release);
    }
}

#[cfg(all(test, not(miri)))]
mod tests;
