//! Broken queues and lists of real tasks are refused. What the tests of each share is here.

use super::*;
use crate::JoinHandle;
use crate::scheduler::origin::Origin;
use crate::scheduler::settings::Settings;
use crate::scheduler::shared::Shared;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A runtime without a worker: its tasks are all in the injection queue, and alive.
pub(crate) struct Runtime {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handles: Vec<JoinHandle<()>>,
}

impl Runtime {
    pub(crate) fn of(tasks: usize) -> Self {
        let shared = Shared::new(Settings::for_workers(1), true).expect("descriptors");
        // SAFETY: the future is `Send`, and so is its output.
        let spawn = |_| JoinHandle(unsafe { shared.spawn(pending::<()>(), Origin::here()) });
        let handles = (0..tasks).map(spawn).collect();
        Self { shared, handles }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.refuse();
        self.shared.close();
    }
}

/// Has a check refuse what it is given, with that word.
#[track_caller]
pub(crate) fn refuses(word: &str, check: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(check)).expect_err("it is refused");
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => (*other.downcast::<&str>().expect("a message")).to_owned(),
    };
    assert!(message.contains(word), "{message}");
}

#[test]
fn as_much_is_looked_at_in_many_turns_whatever_the_length() {
    for length in [0, 1, 4, 5, 100, 1_000, 100_000] {
        let turns = 1 << 16;
        let looked_at: usize = (0..turns).map(|turn| depth(turn, length).min(length)).sum();
        let a_turn = looked_at.div_ceil(turns as usize);
        assert!(a_turn <= 3 * FEW, "{a_turn} of {length} a turn");
        assert!((0..turns).any(|turn| depth(turn, length) >= length));
    }
}

#[test]
fn sound_ones_pass() {
    for tasks in [0, 1, 3, 100] {
        let runtime = Runtime::of(tasks);
        for turn in 0..64 {
            runtime.shared.injection.validate(turn);
            runtime.shared.idle.validate();
            runtime
                .shared
                .owned
                .iter()
                .for_each(|list| list.validate(turn));
        }
        for handle in runtime.handles.iter().step_by(2) {
            handle.abort();
        }
        runtime.shared.injection.validate(0);
    }
}
