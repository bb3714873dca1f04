//! The reactor of Waterwheel: epoll, eventfd and timerfd; who waits for which descriptor; and every system call
//! that the project makes. What it needs of the poll that a future is in, the budget, is in [`waterwheel_poll_context`].
//!
//! Users know it by [`AsyncFd`], which awaits any descriptor. The sockets of `waterwheel::net` are built from the same
//! parts: an `AsyncFd` each, and a [`Wait`] for each future that waits for one.

// The rooms, from top to bottom; each uses what stands below it.
//
// | room | what is there |
// |---|---|
// | `signal` | signals, as streams |
// | `async_fd` | what leaf futures use: `AsyncFd`; `Wait` and `OwnedWait`; the lazy way of a descriptor into a reactor |
// | `reactor` | the turn; who registers where; what a child of `fork` does with its parent's registrations |
// | `park` | what the owner sleeps in, and what ends that |
// | `source` | a registered descriptor: readiness, wakers, token, and the slab of them |
// | `spare_pipes` | empty pipes that are kept for a moment |
// | `sys` | every system call |
// | `sync` | the primitives, which loom models replace |

mod async_fd;
#[cfg(test)]
#[path = "../../tests/cases/mod.rs"]
mod cases;
mod park;
mod reactor;
pub mod signal;
mod source;
pub mod spare_pipes;
mod sync;
pub mod sys;

/// The futures that methods of [`AsyncFd`] return. A program awaits them, and seldom names them.
pub mod futures {
    pub use crate::async_fd::{AsyncIo, Readable, Writable};
}

pub use async_fd::{
    AsyncFd, InterestKind, Operation, OwnedWait, Reading, Wait, Writing, missing_runtime,
};
pub use reactor::{Enter, Reactor};
pub use source::Interest;
