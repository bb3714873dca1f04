//! [`Pace`]: how often a worker turns its driver.

use std::cell::Cell;
use std::time::{Duration, Instant};
use waterwheel_reactor::sys::clock::real_now;

/// How long a worker runs tasks between two turns, as far as it can tell: when polls take long, there are fewer of them. With siblings
/// that rely on it, it reads the clock after the first poll, the fourth and the sixteenth, too.
const BETWEEN_TURNS: Duration = Duration::from_millis(5);

pub(super) struct Pace {
    /// How many polls there are until the next turn.
    interval: Cell<u32>,
    /// When it turned its driver last, or woke.
    awake_since: Cell<Instant>,
    /// Whether that is known: a worker that is alone does not read the clock when it wakes.
    is_known: Cell<bool>,
}

impl Pace {
    pub(super) fn new(interval: u32) -> Self {
        Self {
            interval: Cell::new(interval),
            awake_since: Cell::new(real_now()),
            is_known: Cell::new(true),
        }
    }

    #[inline]
    pub(super) fn interval(&self) -> u32 {
        self.interval.get()
    }

    /// Whether the polls since the last turn have taken so long that the next one is due before its number comes.
    #[inline]
    pub(super) fn is_turn_overdue(&self) -> bool {
        real_now().saturating_duration_since(self.awake_since.get()) > BETWEEN_TURNS
    }

    /// It is about to sleep, and will not read the clock when it wakes.
    pub(super) fn sleeps(&self) {
        self.is_known.set(false);
    }

    /// It has woken.
    pub(super) fn woke(&self, now: Instant) {
        self.awake_since.set(now);
    }

    /// Sets how many polls there are until the next turn, `most` at most, by how long the last ones took, and returns that. A worker that is
    /// alone does not know it of those after a sleep.
    pub(super) fn turned(&self, now: Instant, polls: u32, most: u32) -> Duration {
        let since = self.awake_since.replace(now);
        if !self.is_known.replace(true) {
            return Duration::ZERO;
        }
        let took = now.saturating_duration_since(since);
        let next = if took > BETWEEN_TURNS {
            let fitting = u128::from(polls) * BETWEEN_TURNS.as_nanos() / took.as_nanos();
            u32::try_from(fitting).unwrap_or(u32::MAX)
        } else {
            self.interval.get().saturating_mul(2)
        };
        self.interval.set(next.clamp(1, most));
        took
    }
}
