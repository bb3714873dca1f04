//! A connection of a server: a task, in which the handler runs, and what is told of its end.

use super::acceptor::Shared;
use super::register::{Ending, Place};
use crate::ListenerSocket;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Spawns the task of a connection, which counts as accepted.
pub(super) fn start<L, H, F>(
    shared: &Arc<Shared<L, H>>,
    stream: L::Stream,
    peer: L::Address,
    place: Place,
) where
    L: ListenerSocket,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let name = place.name();
    let theirs = Arc::clone(shared);
    let task = waterwheel_executor::spawn(handle(theirs, stream, peer, place));
    shared.register.spawned(name, task.abort_handle());
}

/// Runs the handler, and tells of its end. Dropped before that, the place says that it was cancelled.
async fn handle<L, H, F>(
    shared: Arc<Shared<L, H>>,
    stream: L::Stream,
    peer: L::Address,
    mut place: Place,
) where
    L: ListenerSocket,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let called = catch_unwind(AssertUnwindSafe(|| (shared.handler)(stream, peer.clone())));
    let ended = match called {
        Err(payload) => Err(payload),
        Ok(future) => {
            let mut future = pin!(future);
            poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
                match polled {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
                    Err(payload) => Poll::Ready(Err(payload)),
                }
            })
            .await
        }
    };
    match ended {
        Ok(Ok(())) => place.ends(Ending::Finished),
        Ok(Err(error)) => {
            place.ends(Ending::Failed);
            shared.tell(Some(&peer), &error);
        }
        Err(payload) => {
            place.ends(Ending::Panicked);
            let message = payload
                .downcast_ref::<&'static str>()
                .copied()
                .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let text = format!("the handler panicked: {}", message.unwrap_or("…"));
            shared.tell(Some(&peer), &io::Error::other(text));
            // The runtime is told of it as well, by the task.
            resume_unwind(payload);
        }
    }
}
