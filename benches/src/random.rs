//! Numbers that look random, from a seed, so that every contestant and every run is given the same.

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The numbers below `count`, each once, in some order (Fisher and Yates).
    pub(crate) fn permutation(&mut self, count: u32) -> Vec<u32> {
        let mut numbers: Vec<_> = (0..count).collect();
        for last in (1..numbers.len()).rev() {
            let other = self.next() % (last as u64 + 1);
            numbers.swap(last, other as usize);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_each_number_once_and_not_in_order() {
        let permutation = Random::new(1).permutation(1000);
        assert!(!permutation.is_sorted());
        let mut sorted = permutation;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
    }
}
