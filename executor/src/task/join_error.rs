//! [`JoinError`]: why a task gave no output.

use std::any::Any;
use std::error::Error;
use std::fmt;

/// A task has been cancelled, or has panicked.
///
/// # Examples
///
/// ```
/// # std::panic::set_hook(Box::new(|_| ()));
/// waterwheel::block_on(async {
///     let error = waterwheel::spawn(async { panic!("dry") }).await.unwrap_err();
///     assert!(error.is_panic());
///     assert_eq!(error.to_string(), "the task panicked: dry");
///     assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "dry");
/// });
/// ```
pub struct JoinError {
    reason: Reason,
}

enum Reason {
    Cancelled,
    Panicked(Payload),
}

/// Boxed once more, so that a task has room for one pointer: few panic.
struct Payload(Box<Box<dyn Any + Send>>);

// SAFETY: a shared reference to the payload is used only to ask whether it is a `&'static str` or a `String`, and to read
// that, both of which are `Sync`. Anything else leaves by value.
unsafe impl Sync for Payload {}

impl JoinError {
    pub(crate) fn cancelled() -> Self {
        Self {
            reason: Reason::Cancelled,
        }
    }

    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self {
            reason: Reason::Panicked(Payload(Box::new(payload))),
        }
    }

    /// Whether the task was aborted, or its runtime ended before it did.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.reason, Reason::Cancelled)
    }

    /// Whether the future panicked: in its poll, or in its destructor.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.reason, Reason::Panicked(_))
    }

    /// The panic's payload, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the task was cancelled. [`try_into_panic`](Self::try_into_panic) does not.
    #[must_use]
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(_) => panic!(
                "`JoinError::into_panic` was called on a task that was cancelled and did not panic; \
                 ask `is_panic` first, or call `try_into_panic`"
            ),
        }
    }

    /// The panic's payload.
    ///
    /// # Errors
    ///
    /// The error itself, if the task was cancelled.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.reason {
            Reason::Panicked(Payload(payload)) => Ok(*payload),
            Reason::Cancelled => Err(self),
        }
    }

    fn message(&self) -> Option<&str> {
        let Reason::Panicked(Payload(payload)) = &self.reason else {
            return None;
        };
        match payload.downcast_ref::<&'static str>() {
            Some(message) => Some(message),
            None => payload.downcast_ref::<String>().map(String::as_str),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.message()) {
            (Reason::Cancelled, _) => f.write_str("the task was cancelled"),
            (Reason::Panicked(_), Some(message)) => write!(f, "the task panicked: {message}"),
            (Reason::Panicked(_), None) => f.write_str("the task panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Cancelled => f.write_str("JoinError::Cancelled"),
            Reason::Panicked(_) => f
                .debug_tuple("JoinError::Panicked")
                .field(&self.message().unwrap_or("…"))
                .finish(),
        }
    }
}

impl Error for JoinError {}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(error)
    }
}
