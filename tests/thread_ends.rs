//! A runtime in the destructor of a thread-local, when the thread's other thread-locals may be gone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use waterwheel::net::{UnixStream, copy};
use waterwheel::{
    Handle, Runtime, block_on, sleep, spawn, spawn_blocking, spawn_local, timeout, yield_now,
};

/// Longer than a slow machine takes for any step here.
const PATIENCE: Duration = Duration::from_secs(60);

/// Uses what a program uses: tasks of each kind, a timer, sockets, a relay, a blocking job.
async fn everything() -> usize {
    let plain = spawn(async {
        yield_now().await;
        1
    });
    let local = spawn_local(async {
        sleep(Duration::from_millis(1)).await;
        1
    });
    let (ours, theirs) = UnixStream::pair().expect("descriptors");
    let (near, far) = UnixStream::pair().expect("descriptors");
    let relay = spawn(async move { copy(&theirs, &near).await.expect("it is there") });
    let reads = spawn(async move {
        let mut word = [0; 5];
        far.read_exact(&mut word).await.expect("it comes");
        assert_eq!(&word, b"water");
        1
    });
    ours.write_all(b"water").await.expect("there is room");
    drop(ours);
    let job = spawn_blocking(|| 1);
    // The end of the runtime cancels them, if it ends with this.
    drop(spawn(pending::<()>()));
    drop(spawn_local(pending::<()>()));
    let all = async {
        assert_eq!(relay.await.unwrap(), 5);
        plain.await.unwrap() + local.await.unwrap() + reads.await.unwrap() + job.await.unwrap()
    };
    timeout(PATIENCE, all).await.expect("all of them end")
}

/// Runs it when it is dropped, and tells how that went.
struct AtTheEnd {
    run: Box<dyn FnMut() -> usize>,
    result: mpsc::Sender<Result<usize, Box<dyn Any + Send>>>,
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)()));
        self.result.send(result).expect("the test waits");
    }
}

thread_local! {
    static OLDER: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    static YOUNGER: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    static IN_BETWEEN: Cell<Option<Box<u8>>> = const { Cell::new(None) };
}

/// Has a thread run it in the destructors of two thread-locals, one that is older than what `uses` makes the thread keep, and one that is
/// younger.
#[track_caller]
fn at_the_end_of_a_thread(
    uses: impl FnOnce() + Send + 'static,
    run: impl Fn() -> usize + Clone + Send + 'static,
) {
    let (result, results) = mpsc::channel();
    let ends = move |run| AtTheEnd {
        run: Box::new(run),
        result: result.clone(),
    };
    let thread = thread::spawn(move || {
        OLDER.set(Some(ends(run.clone())));
        uses();
        IN_BETWEEN.set(Some(Box::default()));
        YOUNGER.set(Some(ends(run)));
    });
    for _ in 0..2 {
        match results.recv_timeout(PATIENCE).expect("it ends") {
            Ok(sum) => assert_eq!(sum, 4),
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }
    thread.join().expect("the thread does not panic");
}

#[test]
fn block_on_works() {
    at_the_end_of_a_thread(|| (), || block_on(everything()));
    at_the_end_of_a_thread(
        || assert_eq!(block_on(everything()), 4),
        || block_on(everything()),
    );
}

#[test]
fn a_runtime_of_its_own_works() {
    for workers in [1, 2, 4] {
        let run = move || {
            let runtime = Runtime::builder().worker_threads(workers).build();
            runtime.expect("a runtime").block_on(everything())
        };
        at_the_end_of_a_thread(move || assert_eq!(run(), 4), run);
    }
}

#[test]
fn entering_works() {
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let handle = runtime.handle().clone();
    let run = move || {
        let _entered = handle.enter();
        let (done, waits) = mpsc::channel();
        drop(spawn(async move {
            done.send(everything_but_local().await).expect("it waits");
        }));
        assert!(Handle::try_current().is_ok());
        waits.recv_timeout(PATIENCE).expect("it ends")
    };
    at_the_end_of_a_thread(run.clone().into_use(), run);
    assert!(Handle::try_current().is_err());
}

async fn everything_but_local() -> usize {
    sleep(Duration::from_millis(1)).await;
    spawn(async { 4 }).await.unwrap()
}

trait IntoUse: Fn() -> usize + Send + Sized + 'static {
    fn into_use(self) -> impl FnOnce() + Send + 'static {
        move || assert_eq!(self(), 4)
    }
}

impl<F: Fn() -> usize + Send + 'static> IntoUse for F {}

/// In the first worker, or as a guest if the test is in that; and the runtime works as before.
#[test]
fn block_on_in_a_runtime_that_is_there_works() {
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        let handle = runtime.handle().clone();
        let run = move || handle.block_on(everything());
        at_the_end_of_a_thread(|| (), run.clone());
        at_the_end_of_a_thread(run.clone().into_use(), run.clone());
        assert_eq!(runtime.block_on(everything()), 4);
        runtime.block_on(async {
            let guests = spawn_blocking(|| at_the_end_of_a_thread(|| (), run));
            guests.await.expect("they do not panic");
            assert_eq!(everything().await, 4);
        });
    }
}
