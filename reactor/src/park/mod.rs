//! What the owner of a reactor sleeps in, and what ends its sleep.
//!
//! - [`parker`]: the word that tells whether it sleeps.
//! - [`alarm`]: the one timerfd, which ends a sleep at a deadline.
//! - [`doorbell`]: what it sleeps at while the reactor has no descriptor.
//! - [`clock_watch`]: the descriptor that tells when the wall clock is set.

mod alarm;
mod clock_watch;
mod doorbell;
mod parker;

pub(crate) use alarm::Alarm;
pub(crate) use clock_watch::ClockWatch;
pub(crate) use doorbell::Doorbell;
pub(crate) use parker::Parker;
