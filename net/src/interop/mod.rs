//! A stream for libraries that poll by traits of their own.
//!
//! | file | feature | what is there |
//! |---|---|---|
//! | `poll_stream` | either | [`PollStream`], and what the traits have in common |
//! | `futures_io` | `futures-io` | `AsyncRead`, `AsyncWrite`, `AsyncBufRead` |
//! | `hyper` | `hyper` | hyper's `Read` and `Write`; [`Executor`] and [`Timer`] |

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
mod poll_stream;

#[cfg(feature = "hyper")]
pub use self::hyper::{Executor, Timer};
pub use poll_stream::PollStream;
