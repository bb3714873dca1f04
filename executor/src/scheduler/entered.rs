//! Which runtimes a thread has entered by a guard.

use super::forked::is_inherited;
use super::shared::Shared;
use super::worker;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// The runtimes that a thread has entered, the last one last, each with the number of its guard.
type List = Vec<(u64, Arc<Shared>)>;

thread_local! {
    /// Nothing in it needs a destructor, so it can be used in the destructors of a thread's other thread-locals, in any order. The
    /// last guard takes the list's memory with it; if a guard is leaked, so is the list.
    static ENTERED: RefCell<ManuallyDrop<List>> = const { RefCell::new(ManuallyDrop::new(List::new())) };
    /// Whether there are any.
    static HAS_ENTERED: Cell<bool> = const { Cell::new(false) };
    /// The number of the next guard.
    static NEXT_GUARD: Cell<u64> = const { Cell::new(0) };
}

/// The runtime that this thread has entered last.
#[inline(always)]
pub(crate) fn last() -> Option<Arc<Shared>> {
    if HAS_ENTERED.get() { find_last() } else { None }
}

#[cold]
fn find_last() -> Option<Arc<Shared>> {
    let last =
        ENTERED.with_borrow(|entered| entered.last().map(|(_, shared)| Arc::clone(shared)))?;
    // What was entered in the parent does not hide a runtime of the child's that this thread works for.
    let is_hidden = !last.is_here()
        && worker::with_current(|current| current.is_some() && !is_inherited(current));
    (!is_hidden).then_some(last)
}

/// Enters a runtime until the guard is dropped. Guards may be dropped in any order.
pub(crate) fn enter(shared: Arc<Shared>) -> Entered {
    let number = NEXT_GUARD.get();
    ENTERED.with_borrow_mut(|entered| entered.push((number, shared)));
    NEXT_GUARD.set(number + 1);
    HAS_ENTERED.set(true);
    Entered {
        number,
        this_thread: PhantomData,
    }
}

/// The time in which a thread has entered a runtime.
pub(crate) struct Entered {
    number: u64,
    /// Not `Send`: it restores what its own thread had.
    this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped when nothing is borrowed.
        let left = ENTERED.with_borrow_mut(|entered| {
            let is_ours = |(number, _): &(u64, Arc<Shared>)| *number == self.number;
            let place = entered.iter().rposition(is_ours)?;
            let (_, left) = entered.remove(place);
            if entered.is_empty() {
                HAS_ENTERED.set(false);
                **entered = List::new();
            }
            Some(left)
        });
        drop(left);
    }
}
