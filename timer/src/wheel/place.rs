//! Where in the wheel a deadline waits: pure arithmetic.
//!
//! Read a `u64`, but for its last eight bits, as a number of ten digits in base 64, the lowest first: digit `l` belongs to
//! level `l`. A deadline waits at the highest digit in which it differs from the time elapsed, in the slot that is the
//! value of that digit; if it differs in none, in the slot of level 0 that the time elapsed is in. As the levels' digits
//! reach to the end of the `u64`, nothing ever wraps.

/// Bits of an instant that no digit has. A slot of level 0 is 2^8 nanoseconds long: shorter than a turn of any event loop,
/// so that there is nothing to gain by telling apart what is in it before it is due.
const BASE: u32 = 8;
/// Bits of a digit: each level has 2^6 slots.
const BITS: u32 = 6;
/// Slots of a level.
pub(super) const SLOTS: usize = 1 << BITS;
/// Levels of the wheel: enough digits for 64 bits.
pub(super) const LEVELS: usize = (u64::BITS - BASE).div_ceil(BITS) as usize;

/// A level, and a slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) level: usize,
    pub(super) slot: usize,
}

impl Place {
    /// Where `deadline` waits when `elapsed` is the time; a deadline that has passed waits where one that
    /// is due right now does.
    #[inline]
    pub(super) fn of(deadline: u64, elapsed: u64) -> Self {
        let instant = deadline.max(elapsed);
        let level = highest_difference(instant, elapsed);
        Place {
            level,
            slot: digit(instant, level),
        }
    }
}

/// The highest level in whose digit the two instants differ; the lowest level if they are equal.
#[inline]
pub(super) fn highest_difference(a: u64, b: u64) -> usize {
    ((((a ^ b) >> BASE) | 1).ilog2() / BITS) as usize
}

/// The digit of `instant` at `level`.
#[inline]
pub(super) fn digit(instant: u64, level: usize) -> usize {
    (instant >> (BASE + BITS * level as u32)) as usize % SLOTS
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_digits_make_up_the_whole_range() {
        assert_eq!(LEVELS, 10);
        assert_eq!(Place::of(u64::MAX, 0), Place { level: 9, slot: 3 });
        for elapsed in [u64::MAX - 1, u64::MAX - 255, u64::MAX - 256] {
            assert_eq!(Place::of(u64::MAX, elapsed), Place { level: 0, slot: 63 });
        }
    }

    #[test]
    fn what_has_passed_waits_in_the_current_slot() {
        for elapsed in [0, 1, 255, 256, 1 << 14, 1 << 40, u64::MAX] {
            let current = Place {
                level: 0,
                slot: digit(elapsed, 0),
            };
            assert_eq!(Place::of(elapsed, elapsed), current);
            assert_eq!(Place::of(0, elapsed), current);
            assert_eq!(Place::of(elapsed / 2, elapsed), current);
        }
    }

    #[test]
    fn one_nanosecond_over_the_boundary_of_a_level_is_a_level_higher() {
        for level in 1..LEVELS {
            let span = 1 << (BASE + BITS * level as u32);
            assert_eq!(
                Place::of(span - 1, 0),
                Place {
                    level: level - 1,
                    slot: 63
                }
            );
            assert_eq!(Place::of(span, 0), Place { level, slot: 1 });
            assert_eq!(Place::of(span + 1, 0), Place { level, slot: 1 });
            // Seen from just before the boundary, one nanosecond reaches as far.
            assert_eq!(Place::of(span, span - 1), Place { level, slot: 1 });
        }
    }
}
