//! What `unpark` and `park` are to who waits: a word that both change, and a sleep that ends.

use loom::sync::{Condvar, Mutex};

#[derive(Default)]
pub(crate) struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(crate) fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }

    pub(crate) fn park(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
    }
}
