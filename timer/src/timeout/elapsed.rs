//! The error of a timeout.

use std::{error::Error, fmt, io};

/// The error of [`timeout`](crate::timeout()) and [`timeout_at`](crate::timeout_at): the time limit has
/// passed, and the future had not completed.
///
/// It converts to an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut), so `?` works in functions
/// that return `io::Result`.
///
/// ```
/// use std::{future::pending, io, time::Duration};
/// use waterwheel::{block_on, timeout};
///
/// async fn answer() -> io::Result<u32> {
///     Ok(timeout(Duration::from_millis(1), pending()).await?)
/// }
///
/// let error = block_on(answer()).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit passed before the future completed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_an_io_error_it_is_timed_out_and_keeps_its_type() {
        let error = io::Error::from(Elapsed::new());
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            error.to_string(),
            "the time limit passed before the future completed"
        );
        assert_eq!(error.downcast::<Elapsed>().unwrap(), Elapsed::new());
    }
}
