//! A waker that a model can wait for. Loom reports a bell that nobody will ring as a deadlock: that is how a lost
//! wake shows.

use loom::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Rung once or more, it ends one wait. (Loom's `Notify` would now and then end one without being rung.)
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            rung: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }

    pub(crate) fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.changed.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// Explores `model`: every interleaving in which at most `preemptions` threads are interrupted where they would
/// not have waited; every interleaving at all, if that is `None`.
pub(crate) fn explore(
    preemptions: impl Into<Option<usize>>,
    model: impl Fn() + Sync + Send + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}
