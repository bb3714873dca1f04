//! [`Watermarks`]: between which numbers of queued bytes an outbox says that it has too many.

/// When an [`Outbox`](crate::Outbox) [is over](crate::Outbox::is_over): from more than `high` bytes queued, until `low`
/// or fewer are.
///
/// They refuse nothing. A sender that asks [`ready`](crate::Outbox::ready) before each message keeps what is queued below
/// `high` and one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// In bytes. Not above `high`.
    pub low: usize,
    /// In bytes.
    pub high: usize,
}

/// 64 KiB and 256 KiB.
impl Default for Watermarks {
    fn default() -> Self {
        Self {
            low: 64 << 10,
            high: 256 << 10,
        }
    }
}
