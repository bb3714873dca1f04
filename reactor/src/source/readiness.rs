//! The readiness word of a source: one atomic that says what the kernel has told of a descriptor.
//!
//! ```text
//! 63            32 31    9   8      7      6      5      4      3      2      1      0
//! │     tick      │ (zero) │ WASS │ RASS │ URG  │ REGD │ ERR  │ WCLO │ RCLO │ WRITE│ READ │
//! ```
//!
//! READ, WRITE, the closed bits, ERR and URG are *reported*: the kernel has said so. RASS and WASS are *assumed*: nobody has asked
//! the kernel yet whether the direction is ready. A call that moves bytes tries on an assumption, for the kernel answers it in any
//! case. Who waits for readiness itself ([`Wait::poll_ready`](crate::Wait::poll_ready)) believes a report alone.
//!
//! # Rules
//!
//! - **R1.** [`publish`](Readiness::publish) adds bits and moves the tick, in one step. It is called by whoever
//!   dispatches an event, before it takes the wakers.
//! - **R2.** [`clear`](Readiness::clear) takes bits away only while the tick is the one that was observed
//!   *before* the system call whose result it acts on. A tick that has moved means an edge that the call may not
//!   have seen, so the bits stay and the caller calls again. The tick has 32 bits: a stale clear would have to
//!   sleep through 2³² events exactly to eat one.
//! - **R3.** The closed bits and the error bit survive a *short* transfer, which says nothing about
//!   what comes after the data: a FIN that came together with data is still seen. Only `WouldBlock`, by which the kernel
//!   itself says that there is neither data nor an end, clears them. (On a stream socket it never contradicts a closed
//!   bit; on a FIFO it does, when a new writer opens what the last one closed, and a bit that stayed would spin. On a
//!   datagram socket whose reading is shut down it does too; who receives there looks at the bit first.)
//!   They outlive a registration, because [`publish`](Readiness::publish) may set them before it: see
//!   [`AsyncFd::mark_closed`](crate::AsyncFd::mark_closed).
//! - **R4.** While REGISTERED is not set, no event will come, and both directions are assumed to be ready: the system
//!   call itself is asked. [`register`](Readiness::register) and [`orphan`](Readiness::orphan) move the tick.
//! - **R5.** To add a descriptor to epoll makes the kernel report what holds of it at that time, if anything does. So whoever
//!   finds a registered direction assumed, and wants a report, may [take the assumption
//!   away](Readiness::forget_assumption): either the report has come, and its bits are in the word, or it is still to come, or the
//!   direction is not ready and an edge will be reported. This too compares the tick: an orphaned descriptor gets no report, and its
//!   assumptions stay (R4).
//! - **R6.** The urgent bit is set by the first `EPOLLPRI`, and nothing clears it. While it is set, a short *read* clears
//!   nothing: a read stops in front of urgent data (`MSG_OOB`), whatever has come behind that. The event itself is no
//!   sign of a mark that is still ahead: the kernel takes `EPOLLPRI` back as soon as somebody has received the urgent
//!   byte by itself, and reads stop at its place all the same.

use super::interest::Interest;
use crate::sync::{AtomicU64, Ordering};

const READABLE: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const READ_CLOSED: u64 = 1 << 2;
const WRITE_CLOSED: u64 = 1 << 3;
const ERROR: u64 = 1 << 4;
const REGISTERED: u64 = 1 << 5;
const URGENT: u64 = 1 << 6;
const READ_ASSUMED: u64 = 1 << 7;
const WRITE_ASSUMED: u64 = 1 << 8;
/// What is assumed of a descriptor of which nobody knows anything.
const ASSUMED: u64 = READ_ASSUMED | WRITE_ASSUMED;
const ONE_TICK: u64 = 1 << 32;
/// What outlives a change of reactors: the tick (R2), what has ended (R3), and that there has been urgent data (R6).
const KEPT: u64 = !(ONE_TICK - 1) | READ_CLOSED | WRITE_CLOSED | URGENT;

/// What an event adds to the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready(u64);

impl Ready {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "names a whole direction, in models and tests")
    )]
    pub(crate) const READ: Self = Self(READABLE);
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "names a whole direction, in models and tests")
    )]
    pub(crate) const WRITE: Self = Self(WRITABLE);
    pub(crate) const BOTH: Self = Self(READABLE | WRITABLE);

    /// Reads the kernel's bits. RDHUP closes reading alone: the other half may still be written to. An error
    /// makes both directions ready, so that the next call in either reports it.
    #[inline]
    pub(crate) fn from_epoll(events: u32) -> Self {
        let mut bits = 0;
        if events & EPOLLIN != 0 {
            bits |= READABLE;
        }
        if events & EPOLLOUT != 0 {
            bits |= WRITABLE;
        }
        if events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR) != 0 {
            bits |= Self::rarities(events);
        }
        Self(bits)
    }

    #[cold]
    fn rarities(events: u32) -> u64 {
        let mut bits = 0;
        if events & EPOLLPRI != 0 {
            bits |= READABLE | URGENT;
        }
        if events & EPOLLRDHUP != 0 {
            bits |= READABLE | READ_CLOSED;
        }
        if events & EPOLLHUP != 0 {
            bits |= READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED;
        }
        if events & EPOLLERR != 0 {
            bits |= READABLE | WRITABLE | ERROR;
        }
        bits
    }

    /// What `shutdown(2)` makes of a direction.
    pub(crate) const fn closed(direction: Interest) -> Self {
        match direction {
            Interest::Read => Self(READABLE | READ_CLOSED),
            Interest::Write => Self(WRITABLE | WRITE_CLOSED),
        }
    }

    /// Whether it lets `direction` go on.
    #[inline]
    pub(crate) fn concerns(self, direction: Interest) -> bool {
        self.0 & mask(direction) != 0
    }
}

const EPOLLIN: u32 = libc::EPOLLIN.cast_unsigned();
const EPOLLPRI: u32 = libc::EPOLLPRI.cast_unsigned();
const EPOLLOUT: u32 = libc::EPOLLOUT.cast_unsigned();
const EPOLLERR: u32 = libc::EPOLLERR.cast_unsigned();
const EPOLLHUP: u32 = libc::EPOLLHUP.cast_unsigned();
const EPOLLRDHUP: u32 = libc::EPOLLRDHUP.cast_unsigned();

/// The bits by which the kernel has said that a direction can go on.
#[inline]
const fn reported(direction: Interest) -> u64 {
    match direction {
        Interest::Read => READABLE | READ_CLOSED | ERROR,
        Interest::Write => WRITABLE | WRITE_CLOSED | ERROR,
    }
}

/// The bit that lets a direction be tried though the kernel has said nothing.
#[inline]
const fn assumed(direction: Interest) -> u64 {
    match direction {
        Interest::Read => READ_ASSUMED,
        Interest::Write => WRITE_ASSUMED,
    }
}

/// The bits that let a call in a direction be tried.
#[inline]
const fn mask(direction: Interest) -> u64 {
    reported(direction) | assumed(direction)
}

/// The bits with which a short transfer in a direction clears nothing (R3, R6).
#[inline]
const fn outlives_short(direction: Interest) -> u64 {
    match direction {
        Interest::Read => ERROR | URGENT,
        Interest::Write => ERROR,
    }
}

/// The word as somebody saw it. It is taken before a system call, and given back to clear by its tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed(u64);

impl Observed {
    /// What holds for a descriptor that has no source yet (R4).
    pub(crate) const UNREGISTERED: Self = Self(ASSUMED);

    /// Whether a call in `direction` is worth a try: it is ready by report or by assumption.
    #[inline]
    pub(crate) fn is_ready(self, direction: Interest) -> bool {
        self.0 & mask(direction) != 0
    }

    /// Whether the kernel has said that `direction` is ready.
    #[inline]
    pub(crate) fn is_reported(self, direction: Interest) -> bool {
        self.0 & reported(direction) != 0
    }

    pub(crate) fn is_closed(self, direction: Interest) -> bool {
        let closed = match direction {
            Interest::Read => READ_CLOSED,
            Interest::Write => WRITE_CLOSED,
        };
        self.0 & closed != 0
    }

    #[inline]
    pub(crate) fn is_registered(self) -> bool {
        self.0 & REGISTERED != 0
    }

    #[inline]
    fn same_tick(self, other: u64) -> bool {
        self.0 >> 32 == other >> 32
    }
}

/// Why a direction is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// The kernel said `WouldBlock`.
    WouldBlock,
    /// A stream socket took or gave less than was asked for, and more than nothing.
    Short,
}

/// The word itself.
#[derive(Debug)]
pub(crate) struct Readiness {
    word: AtomicU64,
}

impl Readiness {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(Observed::UNREGISTERED.0),
        }
    }

    #[inline]
    pub(crate) fn observe(&self) -> Observed {
        Observed(self.word.load(Ordering::Acquire))
    }

    /// Adds what an event told, and moves the tick (R1).
    #[inline]
    pub(crate) fn publish(&self, ready: Ready) {
        self.update(|word| Some((word | ready.0).wrapping_add(ONE_TICK)));
    }

    /// Clears `direction`, unless an event has come since `observed` (R2, R3).
    #[inline]
    pub(crate) fn clear(&self, observed: Observed, direction: Interest, why: Drained) {
        self.update(|word| {
            if !observed.same_tick(word) {
                return None;
            }
            match why {
                Drained::WouldBlock => Some(word & !mask(direction)),
                Drained::Short if word & outlives_short(direction) != 0 => None,
                Drained::Short => Some(word & !(mask(direction) & (READABLE | WRITABLE | ASSUMED))),
            }
        });
    }

    /// Takes the assumption away that `direction` is ready: from here on it is so if the kernel says so (R5). Nothing is done if
    /// the word has moved since `observed`, which was of a registered descriptor.
    #[cold]
    pub(crate) fn forget_assumption(&self, observed: Observed, direction: Interest) {
        debug_assert!(observed.is_registered(), "nobody would report");
        self.update(|word| {
            observed
                .same_tick(word)
                .then_some(word & !assumed(direction))
        });
    }

    /// From here on events will come. `direction` has just said `WouldBlock`, or waits for a report; the other stays to be
    /// tried (R4).
    pub(crate) fn register(&self, direction: Interest) {
        self.update(|word| {
            let bits = REGISTERED | (ASSUMED & !assumed(direction));
            Some((word & KEPT | bits).wrapping_add(ONE_TICK))
        });
    }

    /// From here on no events will come (R4).
    pub(crate) fn orphan(&self) {
        self.update(|word| Some((word & KEPT | ASSUMED).wrapping_add(ONE_TICK)));
    }

    /// One read-modify-write. AcqRel: a clear must not be seen before the system call that it follows, and a
    /// publish carries what the dispatcher did before it.
    #[inline]
    fn update(&self, mut change: impl FnMut(u64) -> Option<u64>) {
        let mut word = self.word.load(Ordering::Relaxed);
        while let Some(next) = change(word) {
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
