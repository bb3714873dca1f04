//! How a [`Callback`] takes its function: called once or again and again, with a target or without.
//!
//! The timer itself, its schedule and its handle are [`CallbackTimer`] and [`TimerHandle`] of the timer crate; here the timer is spawned as
//! a task.

use super::{Callback, Once, Repeating};
use crate::runtime::spawn::spawn_from;
use crate::scheduler::origin::Origin;
use std::future::{Future, ready};
use std::sync::{Arc, Weak};
use waterwheel_timer::{CallbackTimer, Schedule, TimerHandle};

impl Callback<Once> {
    /// Starts the timer, with its function.
    ///
    /// # Panics
    ///
    /// When called outside a runtime; and, of a timer that repeats, if the period is zero.
    ///
    /// # Examples
    ///
    /// See [`Callback`].
    #[track_caller]
    pub fn run<F>(self, f: F) -> TimerHandle
    where
        F: FnOnce() + Send + 'static,
    {
        self.run_async(move || {
            f();
            ready(())
        })
    }

    /// Starts the timer, with an async function: the future that it returns runs in the same task. A handle does not cancel a run that is
    /// under way.
    ///
    /// # Panics
    ///
    /// When called outside a runtime; and, of a timer that repeats, if the period is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{block_on, sleep, time::Callback};
    ///
    /// block_on(async {
    ///     let (sender, receiver) = std::sync::mpsc::channel();
    ///     Callback::after(Duration::from_millis(1)).run_async(async move || {
    ///         sleep(Duration::from_millis(1)).await;
    ///         sender.send(7).unwrap();
    ///     });
    ///     let received = waterwheel::spawn_blocking(move || receiver.recv());
    ///     assert_eq!(received.await.unwrap(), Ok(7));
    /// });
    /// ```
    #[track_caller]
    pub fn run_async<F, R>(self, f: F) -> TimerHandle
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        // The timer calls this once; a second call would find nothing, and end it.
        let mut f = Some(f);
        start(self.schedule, move || f.take().map(|f| f()))
    }
}

impl Callback<Repeating> {
    /// Starts the timer, with a function that it runs each time; see [`run`](Callback::run).
    #[track_caller]
    pub fn run<F>(self, mut f: F) -> TimerHandle
    where
        F: FnMut() + Send + 'static,
    {
        self.run_async(move || {
            f();
            ready(())
        })
    }

    /// Starts the timer, with an async function that it runs each time; see [`run_async`](Callback::run_async). A run that takes longer
    /// than a period is followed at once by the run for the tick that came meanwhile; other periods that ended meanwhile are left out.
    #[track_caller]
    pub fn run_async<F, R>(self, mut f: F) -> TimerHandle
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        start(self.schedule, move || Some(f()))
    }
}

impl<T> Callback<Once, Weak<T>>
where
    T: Send + Sync + ?Sized + 'static,
{
    /// Starts the timer, with a function of the target; see [`while_alive`](Callback::while_alive).
    #[track_caller]
    pub fn run<F>(self, f: F) -> TimerHandle
    where
        F: FnOnce(Arc<T>) + Send + 'static,
    {
        self.run_async(move |target| {
            f(target);
            ready(())
        })
    }

    /// Starts the timer, with an async function of the target; see [`while_alive`](Callback::while_alive).
    #[track_caller]
    pub fn run_async<F, R>(self, f: F) -> TimerHandle
    where
        F: FnOnce(Arc<T>) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (target, mut f) = (self.target, Some(f));
        start(self.schedule, move || {
            let target = target.upgrade()?;
            f.take().map(|f| f(target))
        })
    }
}

impl<T> Callback<Repeating, Weak<T>>
where
    T: Send + Sync + ?Sized + 'static,
{
    /// Starts the timer, with a function of the target that it runs each time; see [`while_alive`](Callback::while_alive). The timer ends at
    /// the first period that finds the target gone.
    #[track_caller]
    pub fn run<F>(self, mut f: F) -> TimerHandle
    where
        F: FnMut(Arc<T>) + Send + 'static,
    {
        self.run_async(move |target| {
            f(target);
            ready(())
        })
    }

    /// Starts the timer, with an async function of the target that it runs each time; see [`while_alive`](Callback::while_alive). The timer
    /// ends at the first period that finds the target gone.
    #[track_caller]
    pub fn run_async<F, R>(self, mut f: F) -> TimerHandle
    where
        F: FnMut(Arc<T>) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let target = self.target;
        start(self.schedule, move || target.upgrade().map(&mut f))
    }
}

/// Spawns the timer.
#[track_caller]
fn start<C, R>(schedule: Schedule, callback: C) -> TimerHandle
where
    C: FnMut() -> Option<R> + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (timer, handle) = CallbackTimer::new(schedule, callback);
    spawn_from(timer, Origin::here());
    handle
}
