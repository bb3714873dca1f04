//! Numbers that look random and follow from a seed: SplitMix64.

use std::time::Duration;

pub(crate) struct Random(u64);

impl Random {
    /// The sequence of one part of a run: `part` and `number` keep those of one seed apart.
    pub(crate) fn new(seed: u64, part: &str, number: u64) -> Self {
        let mut start = seed ^ number.wrapping_mul(0x9E6C_63D0_876A_9A47);
        for byte in part.bytes() {
            start = (start ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        Self(start)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True once in `of` times.
    pub(crate) fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_micros(self.between(least * 1000, most * 1000) as u64)
    }
}

/// The bytes that a connection sends, from any place on: whoever knows the key can check them.
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    fn at(&self, place: usize) -> u8 {
        let word = (place as u64 / 8)
            .wrapping_add(self.0)
            .wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((word ^ (word >> 29)) >> (place % 8 * 8)) as u8
    }

    pub(crate) fn fill(&self, place: usize, buffer: &mut [u8]) {
        for (offset, byte) in buffer.iter_mut().enumerate() {
            *byte = self.at(place + offset);
        }
    }

    pub(crate) fn are(&self, place: usize, received: &[u8]) -> bool {
        (place..)
            .zip(received)
            .all(|(place, byte)| self.at(place) == *byte)
    }
}
