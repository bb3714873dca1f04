//! [`Names`]: the names of tasks that have one.
//!
//! Few have, and so a task has no room for it: one that was named says so in its vtable, and its name is here as long as it has
//! memory.

use crate::shrink;
use crate::sync::{Mutex, lock};
use crate::task::id::Id;
use std::collections::HashMap;

#[derive(Default)]
pub(crate) struct Names {
    names: Mutex<HashMap<Id, Box<str>>>,
}

impl Names {
    pub(crate) fn set(&self, task: Id, name: String) {
        let displaced = lock(&self.names).insert(task, name.into_boxed_str());
        debug_assert!(displaced.is_none(), "an id is given once");
    }

    pub(crate) fn get(&self, task: Id) -> Option<String> {
        lock(&self.names).get(&task).map(|name| str::to_owned(name))
    }

    /// The task is freed.
    pub(crate) fn forget(&self, task: Id) {
        let mut names = lock(&self.names);
        names.remove(&task);
        shrink::map(&mut names);
    }
}
