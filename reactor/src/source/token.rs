//! [`Token`]: what the kernel gives back with an event, 32 bits of generation over 32 bits of slab key.
//!
//! A slab key is reused as soon as its source is gone, and events that the kernel has already handed out are then
//! still to be dispatched. The generation, from a counter of the reactor, tells the old tenant from the new one.

/// Names one registration of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) generation: u32,
    pub(crate) key: u32,
}

impl Token {
    /// The reactor's own descriptors: no slab grows to this key.
    pub(crate) const WAKE: Self = Self {
        generation: 0,
        key: u32::MAX,
    };
    pub(crate) const ALARM: Self = Self {
        generation: 1,
        key: u32::MAX,
    };
    pub(crate) const CLOCK: Self = Self {
        generation: 2,
        key: u32::MAX,
    };

    /// Whether it names one of the reactor's own descriptors.
    #[inline]
    pub(crate) fn is_own(self) -> bool {
        self.key == u32::MAX
    }

    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.key)
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self {
            generation: (bits >> 32) as u32,
            key: bits as u32,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn bits_and_back() {
        let token = Token {
            generation: 0xdead_beef,
            key: 0x1234_5678,
        };
        assert_eq!(token.to_bits(), 0xdead_beef_1234_5678);
        assert_eq!(Token::from_bits(token.to_bits()), token);
        assert_ne!(Token::WAKE.to_bits(), Token::ALARM.to_bits());
        assert!(Token::WAKE.is_own() && Token::ALARM.is_own() && !token.is_own());
    }
}
