//! What a child of `fork` inherits: descriptors that are registered with its parent's reactors.
//!
//! In the child they look registered, and no event will ever come: the reactors are the parent's, and nothing turns them here. So
//! when the child makes its first reactor, each descriptor of the parent's reactors becomes one that is registered nowhere. The parent's
//! epoll instance, which the child shares, is not told of that. The next wait for the descriptor registers it with the child's reactor.
//!
//! That needs a list of all reactors. The locks of a source or of a reactor's list that another thread of the parent's held at the moment
//! of the fork stay locked in the child. What is behind them is left as it is: such a descriptor can be dropped in the child, and not
//! be waited for.

use super::Reactor;
use crate::sys::fork::{Lock, Process};
use std::mem;
use std::sync::{Arc, Weak};

/// The reactors that there are.
struct List {
    /// The process whose they are.
    process: Option<Process>,
    reactors: Vec<Weak<Reactor>>,
}

impl List {
    const fn new() -> Self {
        Self {
            process: None,
            reactors: Vec::new(),
        }
    }
}

static LIST: Lock<List> = Lock::new(List::new(), List::new);

/// Notes a reactor that was just made. In a child that makes its first, gives up what the parent has registered.
pub(super) fn note(reactor: &Arc<Reactor>) {
    let here = Some(Process::current());
    let mut list = LIST.lock();
    let mut inherited = Vec::new();
    if list.process != here {
        list.process = here;
        inherited = mem::take(&mut list.reactors);
    }
    list.reactors.push(Arc::downgrade(reactor));
    drop(list);
    for reactor in inherited.iter().filter_map(Weak::upgrade) {
        reactor.give_up_inherited();
        // The parent's threads, which are not here, have references too: it is never dropped.
        mem::forget(reactor);
    }
}

/// A reactor is dropped.
pub(super) fn forget(reactor: &Reactor) {
    let is_another = |other: &Weak<Reactor>| !std::ptr::eq(other.as_ptr(), reactor);
    LIST.lock().reactors.retain(is_another);
}
