//! [`Registration`]: the reactor that a source is registered with, and how.

use super::token::Token;
use std::sync::Arc;

/// A registration: the reactor, and the token there.
#[derive(Debug)]
pub(crate) struct Registration<R> {
    pub(crate) reactor: Arc<R>,
    pub(crate) token: Token,
}
