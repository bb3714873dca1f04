//! [`Hook`]: a function of the user's that the runtime calls. [`ThreadHooks`]: those around the threads of a runtime.

use crate::task::harness::{contain_panic, drop_quietly};
use std::ops::Deref;
use std::sync::Arc;

type OnThread = Hook<dyn Fn() + Send + Sync>;

/// What is called when a thread of the runtime starts and stops.
#[derive(Clone, Default)]
pub(crate) struct ThreadHooks {
    pub(crate) start: Option<OnThread>,
    pub(crate) stop: Option<OnThread>,
}

impl ThreadHooks {
    /// Tells that a thread has started, and, when dropped, that it stops. A hook that panics, which the panic hook tells of, keeps no
    /// thread from its work.
    pub(crate) fn around_thread(&self) -> impl Drop + use<> {
        struct Stop(Option<OnThread>);

        impl Drop for Stop {
            fn drop(&mut self) {
                run(&self.0);
            }
        }

        run(&self.start);
        Stop(self.stop.clone())
    }
}

fn run(hook: &Option<OnThread>) {
    if let Some(hook) = hook {
        contain_panic(&**hook);
    }
}

/// A function of the user's, and what it has captured.
///
/// The last reference to a runtime may be a waker's, a join handle's, a queue's or an ending thread's, and with it goes this. A panic in the
/// destructor of what is captured, which the panic hook tells of, must not unwind out of these: it is caught here.
pub(crate) struct Hook<F: ?Sized> {
    /// `None` only while it is dropped.
    function: Option<Arc<F>>,
}

impl<F: ?Sized> Hook<F> {
    pub(crate) fn new(function: Arc<F>) -> Self {
        Self {
            function: Some(function),
        }
    }
}

impl<F: ?Sized> Deref for Hook<F> {
    type Target = F;

    fn deref(&self) -> &F {
        self.function.as_ref().expect("it is not being dropped")
    }
}

impl<F: ?Sized> Clone for Hook<F> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
        }
    }
}

impl<F: ?Sized> Drop for Hook<F> {
    fn drop(&mut self) {
        drop_quietly(self.function.take());
    }
}
