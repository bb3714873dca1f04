//! Sums of instants and durations that cannot overflow: what lies beyond every [`Instant`] is *never*.

use std::time::{Duration, Instant};

/// A thousand years: beyond the reach of the crate's clock, so that a timer set to it never fires, and yet
/// an `Instant` that exists.
const FAR: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

/// `start + delay`, or the far future if no `Instant` is that late.
#[inline]
pub(crate) fn after(start: Instant, delay: Duration) -> Instant {
    match start.checked_add(delay) {
        Some(sum) => sum,
        // A `start` that has no room even for `FAR` is itself in the far future.
        None => start.checked_add(FAR).unwrap_or(start),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_sum_that_fits_is_exact() {
        let start = Instant::now();
        assert_eq!(
            after(start, Duration::from_nanos(1)),
            start + Duration::from_nanos(1)
        );
        assert_eq!(after(start, Duration::ZERO), start);
    }

    #[test]
    fn a_sum_that_overflows_is_the_far_future() {
        let start = Instant::now();
        let never = after(start, Duration::MAX);
        assert_eq!(never.duration_since(start), FAR);
        assert_eq!(clock::from_instant(never), clock::NEVER);
        assert!(after(never, Duration::MAX) >= never);
    }
}
