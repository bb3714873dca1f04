//! [`spawn`] and [`spawn_local`].

use crate::JoinHandle;
use crate::shared::Shared;
use crate::worker::{self, Worker};
use std::future::Future;

/// Starts a task: the future runs beside the caller, whether or not its handle is awaited.
///
/// It is polled for the first time when its turn comes, after what is ready already. A panic ends the task, and nothing
/// else; awaiting the handle tells of it. Dropping the handle detaches the task. The runtime drops what is still alive when it ends.
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// waterwheel::block_on(async {
///     let handle = waterwheel::spawn(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    with_worker("spawn", |worker| Shared::spawn(worker, future))
}

/// Starts a task that stays on this thread: its future need not be `Send`, and is polled and dropped here and nowhere
/// else.
///
/// Its wakers may go anywhere. In all else it is as [`spawn`].
///
/// # Panics
///
/// When called outside a runtime.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// waterwheel::block_on(async {
///     let shared = Rc::new(5);
///     let theirs = Rc::clone(&shared);
///     let handle = waterwheel::spawn_local(async move { *theirs + 1 });
///     assert_eq!(handle.await.unwrap(), *shared + 1);
/// });
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    with_worker("spawn_local", |worker| Shared::spawn(worker, future))
}

#[track_caller]
fn with_worker<R>(call: &str, f: impl FnOnce(&Worker) -> R) -> R {
    match worker::with_current(|current| current.map(f)) {
        Some(result) => result,
        None => panic!(
            "`{call}` was called outside a Waterwheel runtime; \
             call it inside `waterwheel::block_on(async {{ … }})`, or in a task spawned there"
        ),
    }
}
