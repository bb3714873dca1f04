//! Bitmaps of 64 places.

use std::iter;

/// The positions of the bits that are set, lowest first.
#[inline]
pub(super) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let lowest = lowest_one(word)?;
        word &= word - 1;
        Some(lowest)
    })
}

/// The position of the lowest bit that is set.
#[inline]
pub(super) fn lowest_one(word: u64) -> Option<usize> {
    (word != 0).then(|| word.trailing_zeros() as usize)
}

/// The bits up to and including position `last`.
#[inline]
pub(super) fn up_to(last: usize) -> u64 {
    u64::MAX >> (63 - last)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_word_are_places_like_any_other() {
        assert_eq!(ones(1 << 63 | 1 << 6 | 1).collect::<Vec<_>>(), [0, 6, 63]);
        assert_eq!(ones(u64::MAX).count(), 64);
        assert_eq!((lowest_one(0), lowest_one(1 << 63)), (None, Some(63)));
        assert_eq!((up_to(0), up_to(5), up_to(63)), (1, 0b11_1111, u64::MAX));
    }
}
