//! [`Builder`]: a task with a name.

use crate::runtime::spawn;
use crate::scheduler::origin::Origin;
use crate::{runtime::Handle, runtime::join_handle::JoinHandle};
use std::future::Future;

/// Spawns tasks that have a name, by which the report of [`Runtime::shutdown`](crate::Runtime::shutdown) and the hook of
/// [`Builder::on_task_panic`](crate::Builder::on_task_panic) tell of them.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use waterwheel::{Runtime, task};
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::new()?;
/// runtime.block_on(async {
///     drop(task::Builder::new().name("pump").spawn(std::future::pending::<()>()));
/// });
/// let report = runtime.shutdown(Instant::now());
/// assert_eq!(report.tasks[0].name.as_deref(), Some("pump"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is spawned before one of the spawn methods is called"]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    /// A builder of tasks without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The task's name. It need not be unique.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
        }
    }

    /// As [`spawn`](crate::spawn()).
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn::spawn_from(future, Origin::here().named(self.name))
    }

    /// As [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, runtime: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        runtime.spawn_from(future, Origin::here().named(self.name))
    }

    /// As [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn::spawn_local_from(future, Origin::here().named(self.name))
    }

    /// As [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// When called outside a runtime, and when the kernel gives no thread and the pool has none.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, run: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::spawn_blocking_from(run, Origin::here().named(self.name))
    }
}
