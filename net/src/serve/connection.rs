//! A connection of a server: a task, in which the handler runs, and what is told of its end.

use super::acceptor::Shared;
use super::register::{Ending, Place};
use crate::stream::ListenerSocket;
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
    let task = waterwheel_executor::spawn(Handling {
        handler: None,
        stream: Some(stream),
        peer,
        place,
        shared: Arc::clone(shared),
    });
    shared.register.spawned(name, task.abort_handle());
}

pin_project! {
    /// Calls the handler, runs it, and tells of its end. Dropped before that, the place says that it was cancelled.
    ///
    /// No `async fn`, whose state has room for every place that the handler's future moves through: that may be large.
    struct Handling<L: ListenerSocket, H, F> {
        // Dropped before the place, which waits for that.
        #[pin]
        handler: Option<F>,
        // Until the handler is called.
        stream: Option<L::Stream>,
        peer: L::Address,
        place: Place,
        shared: Arc<Shared<L, H>>,
    }
}

impl<L, H, F> Future for Handling<L, H, F>
where
    L: ListenerSocket,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(stream) = this.stream.take() {
                let future = (this.shared.handler)(stream, this.peer.clone());
                this.handler.set(Some(future));
            }
            let handler = this.handler.as_mut().as_pin_mut();
            handler.expect("it was called").poll(cx)
        }));
        let ended = match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(payload) => Err(payload),
        };
        match ended {
            Ok(Ok(())) => this.place.ends(Ending::Finished),
            Ok(Err(error)) => {
                this.place.ends(Ending::Failed);
                this.shared.tell(Some(this.peer), &error);
            }
            Err(payload) => {
                this.place.ends(Ending::Panicked);
                let text = format!("the handler panicked: {}", message(&*payload));
                this.shared.tell(Some(this.peer), &io::Error::other(text));
                // The runtime is told of it as well, by the task.
                resume_unwind(payload);
            }
        }
        Poll::Ready(())
    }
}

/// What a panic says, if that is text.
fn message(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("…")
}
