//! The reactor of Waterwheel: epoll, eventfd and timerfd; who waits for which descriptor; and every system call
//! that the project makes. What it needs of the poll that a future is in, the budget, is in [`waterwheel_poll_context`].
//!
//! Users know it by [`AsyncFd`], which awaits any descriptor. The sockets of `waterwheel::net` are built from the same
//! parts: an `AsyncFd` each, and a [`Wait`] for each future that waits for one.
//!
//! | module | what is there |
//! |---|---|
//! | `reactor` | [`Reactor`]: turn, unpark, register, close |
//! | `async_fd` | [`AsyncFd`], and its futures |
//! | `nonblocking` | which open files are to be put back into blocking mode |
//! | `wait` | [`Wait`]: the loop of try, clear, park that every leaf future runs |
//! | `stay` | [`Stay`]: the same for who is no future, and borrows nothing |
//! | `call`, `direction`, `way` | [`Call`], [`Direction`], [`Way`]: which way, and by what name |
//! | `registration` | the lazy way of a descriptor into a reactor |
//! | `source` | what a reactor and the futures share; the order that loses no wake |
//! | `readiness` | the readiness word: bits and tick |
//! | `waiters` | the wakers of a source |
//! | `sources`, `token` | the reactor's slab, and the generations that guard it |
//! | `parker` | the unpark word |
//! | `alarm` | the one timerfd |
//! | `doorbell` | what the owner sleeps at while there is no descriptor |
//! | `clock_watch` | who hears when the wall clock is set |
//! | `inherited` | what a child of `fork` does with the descriptors that its parent has registered |
//! | [`spare_pipes`], `spares` | empty pipes that are kept for a moment |
//! | [`signal`] | signals, as streams |
//! | [`sys`] | the system calls |

mod alarm;
mod async_fd;
mod call;
#[cfg(canary)]
#[path = "../../tests/canaries/switch.rs"]
mod canary;
#[cfg(test)]
#[path = "../../tests/cases/mod.rs"]
mod cases;
mod clock_watch;
mod contain;
mod direction;
mod doorbell;
mod home;
#[cfg(not(loom))]
mod inherited;
mod nonblocking;
mod parker;
mod reactor;
mod readiness;
mod registration;
pub mod signal;
mod source;
mod sources;
pub mod spare_pipes;
mod spares;
mod stay;
mod sync;
pub mod sys;
mod token;
mod wait;
mod waiters;
mod way;

/// The futures that methods of [`AsyncFd`] return. A program awaits them, and seldom names them.
pub mod futures {
    pub use crate::async_fd::{AsyncIo, Readable, Writable};
}

pub use async_fd::AsyncFd;
pub use call::Call;
pub use direction::Direction;
pub use reactor::{Enter, Reactor};
pub use registration::missing_runtime;
pub use stay::Stay;
pub use wait::Wait;
pub use way::{Reading, Way, Writing};
