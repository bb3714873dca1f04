//! [`Failure`]: why an outbox takes and sends no more, as each of its messages is told.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// One error for many: each message gets an [`io::Error`] of its own, of the same kind.
#[derive(Clone, Debug)]
pub(super) struct Failure(Arc<io::Error>);

impl Failure {
    pub(super) fn new(kind: io::ErrorKind, reason: &'static str) -> Self {
        Self(Arc::new(io::Error::new(kind, reason)))
    }

    /// The error without a message that it concerns.
    pub(super) fn to_error(&self) -> io::Error {
        io::Error::new(self.0.kind(), Shared(Arc::clone(&self.0)))
    }

    /// The error of a message of `length` bytes, of which `written` have gone.
    pub(super) fn of_message(&self, written: usize, length: usize) -> io::Error {
        io::Error::new(
            self.0.kind(),
            Unsent {
                written,
                length,
                reason: Arc::clone(&self.0),
            },
        )
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

#[derive(Debug)]
struct Shared(Arc<io::Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[derive(Debug)]
struct Unsent {
    written: usize,
    length: usize,
    reason: Arc<io::Error>,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            written,
            length,
            reason,
        } = self;
        write!(
            f,
            "{written} of the message's {length} bytes went, then: {reason}"
        )
    }
}

impl Error for Unsent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.reason)
    }
}
