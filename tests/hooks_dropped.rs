//! The last reference to a runtime may be anybody's, and with it go the hooks and what they have captured. A destructor of that which panics
//! unwinds out of nothing that holds a reference: neither a waker nor a handle, neither a queue nor a thread that ends.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{Handle, JoinHandle, Runtime};

/// Counts its drop, and panics in it.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("what a hook has captured");
    }
}

/// As many as there are hooks.
const HOOKS: usize = 3;

/// A builder with a bomb in each hook.
macro_rules! builder {
    ($dropped:expr) => {{
        let [start, stop, panicked] = [0; HOOKS].map(|_| Bomb(Arc::clone($dropped)));
        Runtime::builder()
            .worker_threads(2)
            .on_thread_start(move || {
                let _captured = &start;
            })
            .on_thread_stop(move || {
                let _captured = &stop;
            })
            .on_task_panic(move |_| {
                let _captured = &panicked;
            })
    }};
}

/// Who has the last reference.
struct Last {
    what: Box<dyn Send>,
}

fn task_waker(runtime: &Runtime) -> Waker {
    let (give, take) = mpsc::channel();
    runtime.spawn(poll_fn(move |cx| {
        let _ = give.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    take.recv().expect("it is polled")
}

/// The waker of a main future, which is no task.
fn main_waker(runtime: &Runtime) -> Waker {
    runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())))
}

fn pending_handle(runtime: &Runtime) -> JoinHandle<()> {
    runtime.spawn(pending())
}

fn finished_handle(runtime: &Runtime) -> JoinHandle<Vec<u8>> {
    let handle = runtime.spawn(async { vec![0; 100] });
    while !handle.is_finished() {
        thread::yield_now();
    }
    handle
}

type Keep = fn(&Runtime) -> Box<dyn Send>;

const KEPT: [(&str, Keep); 8] = [
    ("nothing", |_| Box::new(())),
    ("a task's waker", |runtime| Box::new(task_waker(runtime))),
    ("the main future's waker", |runtime| {
        Box::new(main_waker(runtime))
    }),
    ("the handle of a task that pended", |runtime| {
        Box::new(pending_handle(runtime))
    }),
    ("the handle of a task that ended", |runtime| {
        Box::new(finished_handle(runtime))
    }),
    ("an abort handle", |runtime| {
        Box::new(pending_handle(runtime).abort_handle())
    }),
    ("a handle of the runtime", |runtime| {
        Box::new(Handle::clone(runtime.handle()))
    }),
    ("a waker in a task of another runtime", |runtime| {
        let waker = task_waker(runtime);
        let other = Runtime::builder()
            .worker_threads(1)
            .build()
            .expect("a runtime");
        other.spawn(async move {
            let _waker = waker;
            pending::<()>().await
        });
        Box::new(other)
    }),
];

/// Ends a runtime, of which `keep` has kept a part, and hands that to `end`.
fn each(end: impl Fn(Last)) {
    for (name, keep) in KEPT {
        println!("{name}");
        let dropped = Arc::new(AtomicUsize::new(0));
        let runtime = builder!(&dropped).build().expect("a runtime");
        let what = keep(&runtime);
        let ended = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
        assert!(ended.is_ok(), "the drop of the runtime beside {name}");
        end(Last { what });
        // A thread that ends may have the very last reference for a moment.
        let began = Instant::now();
        while dropped.load(Ordering::SeqCst) < HOOKS {
            assert!(began.elapsed() < Duration::from_secs(60), "{name} leaks");
            thread::yield_now();
        }
    }
}

#[test]
fn where_it_is_dropped() {
    each(|last| {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(last.what)));
        assert!(dropped.is_ok());
    });
}

/// A second panic would abort the process.
#[test]
fn while_another_panic_unwinds() {
    each(|last| {
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _last = last;
            panic!("the other panic");
        }));
        let payload = unwound.expect_err("it panics");
        assert_eq!(payload.downcast_ref(), Some(&"the other panic"));
    });
}

/// A panic of a thread-local's destructor aborts the process.
#[test]
fn while_a_thread_ends() {
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    each(|last| {
        let thread = thread::spawn(move || LAST.with(|here| here.replace(Some(last)).is_none()));
        assert!(thread.join().expect("no panic"));
    });
}

/// A waker that is woken gives its reference to a queue, which is closed.
#[test]
fn by_a_wake() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = builder!(&dropped).build().expect("a runtime");
    let waker = task_waker(&runtime);
    drop(runtime);
    let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    assert!(woken.is_ok());
    assert_eq!(dropped.load(Ordering::SeqCst), HOOKS);
}

/// A blocking job outlives the shutdown, and its thread has the last reference.
#[test]
fn by_a_thread_that_outlives_the_runtime() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = builder!(&dropped).build().expect("a runtime");
    let (begin, begun) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    drop(runtime.spawn_blocking(move || {
        begin.send(()).expect("the test waits");
        ends.recv()
    }));
    begun.recv().expect("it begins");
    let report = runtime.shutdown(Duration::ZERO);
    assert!(!report.is_complete());
    drop(end);
    while dropped.load(Ordering::SeqCst) < HOOKS {
        thread::yield_now();
    }
}

#[test]
fn with_a_builder_that_builds_nothing() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let builder = builder!(&dropped);
    let twin = builder.clone();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(builder))).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(twin))).is_ok());
    assert_eq!(dropped.load(Ordering::SeqCst), HOOKS);
}
