//! Which reactor a thread has entered.

use super::Reactor;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

thread_local! {
    /// Nothing in it needs a destructor, so it can be used in the destructors of a thread's other thread-locals, in any order. The guard
    /// that has put something in takes it out; if the guard is leaked, so is that.
    static CURRENT: RefCell<ManuallyDrop<Option<Arc<Reactor>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Makes `reactor` the thread's, and returns what was.
fn replace_current(reactor: Option<Arc<Reactor>>) -> Option<Arc<Reactor>> {
    ManuallyDrop::into_inner(CURRENT.replace(ManuallyDrop::new(reactor)))
}

impl Reactor {
    /// Makes this the reactor that descriptors polled on this thread register with, until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Enter {
        Enter {
            previous: replace_current(Some(Arc::clone(self))),
            this_thread: PhantomData,
        }
    }

    /// The reactor that this thread has entered.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(|current| Option::clone(current))
    }
}

/// The time in which a [`Reactor`] is a thread's current one. Ends when dropped, and gives back the one before.
#[derive(Debug)]
#[must_use = "dropping it leaves the reactor at once"]
pub struct Enter {
    previous: Option<Arc<Reactor>>,
    /// Not `Send`: it restores what its own thread had.
    this_thread: PhantomData<*const ()>,
}

impl Drop for Enter {
    fn drop(&mut self) {
        let ours = replace_current(self.previous.take());
        drop(ours);
    }
}
