//! [`Home`]: the reactor that a source is registered with, and how.

use crate::reactor::Reactor;
use crate::token::Token;
use std::os::fd::RawFd;
use std::sync::Arc;

/// A registration: the reactor, the token there, and the number by which it is deregistered.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) token: Token,
    pub(crate) fd: RawFd,
}
