//! [`Home`]: the reactor that a source is registered with, and how.

use crate::reactor::Reactor;
use crate::token::Token;
use std::sync::Arc;

/// A registration: the reactor, and the token there.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) token: Token,
}
