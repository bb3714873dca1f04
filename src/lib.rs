//! Waterwheel is an async runtime for Linux, hand-rolled from the kernel up: an epoll reactor, a hierarchical timing
//! wheel, an executor with its own tasks and wakers, and async sockets.
//!
//! ```no_run
//! use waterwheel::net::TcpListener;
//!
//! fn main() -> std::io::Result<()> {
//!     waterwheel::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:7000").await?;
//!         loop {
//!             let (stream, _) = listener.accept().await?;
//!             waterwheel::spawn(async move {
//!                 let mut buffer = [0; 4096];
//!                 while let Ok(count @ 1..) = stream.read(&mut buffer).await {
//!                     stream.write_all(&buffer[..count]).await?;
//!                 }
//!                 std::io::Result::Ok(())
//!             });
//!         }
//!     })
//! }
//! ```
//!
//! # What is where
//!
//! | module | what is there |
//! |---|---|
//! | here | [`block_on`], [`Runtime`], [`Handle`]; [`spawn`], [`spawn_local`], [`spawn_blocking`], [`yield_now`], [`JoinSet`]; [`sleep`], [`interval`], [`timeout`], [`run_after`] and their kin |
//! | [`task`] | names and ids of tasks |
//! | [`net`] | TCP, UDP and Unix sockets; `Outbox`, `serve`, relays, buffered reading |
//! | [`time`] | all else that there is of time: callback timers, the system clock, idle timeouts, time that is paused; the timing wheel itself |
//! | [`signal`] | `ctrl_c`, and other signals as streams |
//! | [`executor`] | what makes a runtime: tasks and their handles, the builder, the report, the metrics |
//! | [`reactor`] | [`AsyncFd`](reactor::AsyncFd), for descriptors of any kind; the reactor itself; the system calls |
//! | [`poll_context`] | for leaf futures of your own: the budget, which lets other tasks run |
//!
//! # What holds
//!
//! - A timer never fires early, and timers fire in the order of their deadlines.
//! - A future may be dropped at any time; what that loses, if anything, its documentation says.
//! - A panic in a task stays in the task, and its [`JoinHandle`] tells of it.
//! - A task that is always ready starves neither sockets nor timers: every future here lets others run now and then, however it
//!   is awaited in a loop. In a [`Runtime`] of several workers, a task that does not return
//!   from its poll starves none either, nor the tasks behind it: other workers serve them within 50 ms.
//! - What [`spawn_local`] has started is polled and dropped on its own thread, and nowhere else.
//! - What is still alive when the future given to [`block_on`] ends is dropped then, on that thread. Only what
//!   [`spawn_blocking`] has started goes on, and is not waited for. In a [`Runtime`], tasks go on until that ends.
//!
//! # Features
//!
//! Both are off by default, and make Waterwheel's streams known to other libraries:
//!
//! - `futures-io`: `net::PollStream` implements `AsyncRead`, `AsyncWrite` and `AsyncBufRead` of the futures crates.
//! - `hyper`: `net::PollStream` implements hyper's `Read` and `Write`; `net::hyper` has an executor and a timer for hyper 1.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

// Inlined, so that links to what is in them work however this page is built.
#[doc(inline)]
pub use waterwheel_executor as executor;
#[doc(inline)]
pub use waterwheel_net as net;
#[doc(inline)]
pub use waterwheel_poll_context as poll_context;
#[doc(inline)]
pub use waterwheel_reactor as reactor;

/// Time: what to await, what to have called back, and what is behind it.
///
/// It is the crate `waterwheel-timer`, with the functions beside it that need an executor: those that call back, and
/// [`advance`](time::advance).
pub mod time {
    #[doc(inline)]
    pub use waterwheel_executor::advance;
    #[doc(inline)]
    pub use waterwheel_executor::callbacks::*;
    #[doc(inline)]
    pub use waterwheel_timer::*;

    /// The futures that methods and functions of this module return. A program awaits them, and seldom names them.
    pub mod futures {
        #[doc(inline)]
        pub use waterwheel_executor::futures::Advance;
        #[doc(inline)]
        pub use waterwheel_timer::futures::*;
    }
}

#[doc(inline)]
pub use executor::tasks as task;
#[doc(inline)]
pub use executor::{
    AbortHandle, Handle, JoinError, JoinHandle, JoinSet, Runtime, block_on, spawn, spawn_blocking,
    spawn_local, yield_now,
};
#[doc(inline)]
pub use reactor::signal;
#[doc(inline)]
pub use time::{
    interval, interval_at, run_after, run_at, run_every, sleep, sleep_until, timeout, timeout_at,
};

/// The README's code is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What is spawned where another thread may run it must be `Send`: each of these is refused, and its twin, which differs in nothing but
/// the type that it keeps, compiles. So it is refused for that and no other reason. (On nightly the error's code is compared, too.)
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     waterwheel::spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     waterwheel::spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
///
/// An output that is not, of a future that is:
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     waterwheel::spawn(poll_fn(|_| Poll::Ready(Kept::new(1)))).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     waterwheel::spawn(poll_fn(|_| Poll::Ready(Kept::new(1)))).await.unwrap();
/// });
/// ```
///
/// By `Runtime::spawn`:
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// let runtime = waterwheel::Runtime::new().unwrap();
/// let kept = Kept::new(1);
/// runtime.block_on(runtime.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))))).unwrap();
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// let runtime = waterwheel::Runtime::new().unwrap();
/// let kept = Kept::new(1);
/// runtime.block_on(runtime.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))))).unwrap();
/// ```
///
/// By `Handle::spawn`:
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let runtime = waterwheel::Handle::current();
///     runtime.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let runtime = waterwheel::Handle::current();
///     runtime.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
///
/// By `JoinSet::spawn`:
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let mut set = waterwheel::JoinSet::new();
///     set.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))));
///     set.join_next().await.unwrap().unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let mut set = waterwheel::JoinSet::new();
///     set.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))));
///     set.join_next().await.unwrap().unwrap();
/// });
/// ```
///
/// By `task::Builder::spawn`, and `spawn_on`:
///
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let task = waterwheel::task::Builder::new().name("keeper");
///     task.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let task = waterwheel::task::Builder::new().name("keeper");
///     task.spawn(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
/// ```
/// # use std::sync::Arc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let runtime = waterwheel::Handle::current();
///     let task = waterwheel::task::Builder::new().name("keeper");
///     task.spawn_on(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))), &runtime).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     let runtime = waterwheel::Handle::current();
///     let task = waterwheel::task::Builder::new().name("keeper");
///     task.spawn_on(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1))), &runtime).await.unwrap();
/// });
/// ```
///
/// A blocking job runs on another thread, always:
///
/// ```
/// # use std::sync::Arc as Kept;
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     waterwheel::spawn_blocking(move || drop(kept)).await.unwrap();
/// });
/// ```
/// ```compile_fail,E0277
/// # use std::rc::Rc as Kept;
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     waterwheel::spawn_blocking(move || drop(kept)).await.unwrap();
/// });
/// ```
///
/// What is pinned need not be:
///
/// ```
/// # use std::rc::Rc as Kept;
/// # use std::{future::poll_fn, task::Poll};
/// waterwheel::block_on(async {
///     let kept = Kept::new(1);
///     waterwheel::spawn_local(poll_fn(move |_| Poll::Ready(assert_eq!(*kept, 1)))).await.unwrap();
/// });
/// ```
///
/// A guard of `enter` stays on its thread:
///
/// ```
/// let runtime = waterwheel::Runtime::new().unwrap();
/// let guard = runtime.enter();
/// std::thread::scope(|_| drop(guard));
/// ```
/// ```compile_fail,E0277
/// let runtime = waterwheel::Runtime::new().unwrap();
/// let guard = runtime.enter();
/// std::thread::scope(|scope| { scope.spawn(move || drop(guard)); });
/// ```
#[cfg(doctest)]
struct WhatIsSent;
