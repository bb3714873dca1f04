//! Outputs and futures travel over stacks: from `spawn` to the heap, from the last poll to the heap, from there to who joins. How large they may be
//! on a stack of 2 MiB, the standard library's for a thread, is said in the documentation of `spawn`, and holds here. A stack that overflows aborts
//! the process.

use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::thread;
use std::time::Duration;
use waterwheel::net::{ServeOptions, TcpListener, TcpStream, serve};
use waterwheel::time::Callback;
use waterwheel::{
    JoinSet, Runtime, block_on, spawn, spawn_blocking, spawn_local, timeout, yield_now,
};

/// As the documentation of `spawn` has it. Without optimization, values are copied more often.
const LARGE: usize = if cfg!(debug_assertions) {
    64 << 10
} else {
    256 << 10
};

const STACK: usize = 2 << 20;
const HOUR: Duration = Duration::from_secs(3600);

type Large = [u8; LARGE];

async fn output() -> Large {
    black_box([1; LARGE])
}

/// A future that is as large.
async fn future() -> usize {
    let large = black_box([1_u8; LARGE]);
    yield_now().await;
    black_box(&large).len()
}

type Case = (&'static str, fn() -> Boxed);
type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each with a stack to itself, as to say how much the test's own frames take is not the point.
const CASES: [Case; 10] = [
    ("spawn, of an output", || {
        Box::pin(async {
            assert_eq!(spawn(output()).await.expect("no panic")[LARGE - 1], 1);
        })
    }),
    ("spawn, of a future", || {
        Box::pin(async {
            // Two statements: what the first has moved away does not stay in this future.
            let task = spawn(future());
            assert_eq!(task.await.expect("no panic"), LARGE);
        })
    }),
    ("spawn, of an output that nobody wants", || {
        Box::pin(async {
            let ignored = spawn(output());
            while !ignored.is_finished() {
                yield_now().await;
            }
        })
    }),
    ("spawn, of a timeout", || {
        Box::pin(async {
            let task = spawn(timeout(HOUR, output()));
            let limited = task.await.expect("no panic");
            assert_eq!(limited.expect("in time")[0], 1);
        })
    }),
    ("spawn_blocking", || {
        Box::pin(async {
            let job = spawn_blocking(|| black_box([1_u8; LARGE]));
            assert_eq!(job.await.expect("no panic")[0], 1);
        })
    }),
    ("a JoinSet", || {
        Box::pin(async {
            let mut set: JoinSet<Large> = JoinSet::new();
            set.spawn(output());
            let joined = set.join_next().await.expect("there is one");
            assert_eq!(joined.expect("no panic")[0], 1);
        })
    }),
    ("a JoinSet, of jobs", || {
        Box::pin(async {
            let mut set: JoinSet<Large> = JoinSet::new();
            set.spawn_blocking(|| black_box([1; LARGE]));
            let joined = set.join_next().await.expect("there is one");
            assert_eq!(joined.expect("no panic")[0], 1);
        })
    }),
    ("serve", || {
        Box::pin(async { serves().await.expect("sockets") })
    }),
    ("Callback::run_async", || {
        Box::pin(async {
            let (give, take) = std::sync::mpsc::channel();
            Callback::after(Duration::ZERO).run_async(async move || {
                give.send(future().await).expect("the test waits");
            });
            let taken = spawn_blocking(move || take.recv());
            assert_eq!(taken.await.expect("no panic"), Ok(LARGE));
        })
    }),
    ("in a box it may be as large as it likes", || {
        Box::pin(async {
            let boxed = spawn(async { vec![1_u8; 64 << 20].into_boxed_slice() });
            assert_eq!(boxed.await.expect("no panic").len(), 64 << 20);
        })
    }),
];

/// A handler whose future is large.
async fn serves() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = serve(
        listener,
        ServeOptions::new(),
        |stream: TcpStream, _| async move {
            let large = black_box([b'!'; LARGE]);
            stream.write_all(&large[..1]).await?;
            stream.write_all(&large[..1]).await
        },
    );
    let client = TcpStream::connect(address).await?;
    client.read_exact(&mut [0; 2]).await?;
    let report = server.shutdown(HOUR).await;
    assert_eq!((report.accepted, report.finished), (1, 1));
    Ok(())
}

fn with_stack<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    thread.expect("a thread").join().expect("no panic")
}

#[test]
fn fit_in_a_block_on() {
    for (name, case) in CASES {
        println!("{name}");
        with_stack(move || block_on(case()));
    }
    with_stack(|| assert_eq!(block_on(output())[0], 1));
    with_stack(|| assert_eq!(block_on(future()), LARGE));
    with_stack(|| block_on(async { assert_eq!(spawn_local(output()).await.unwrap()[0], 1) }));
    with_stack(|| block_on(async { assert_eq!(spawn_local(future()).await.unwrap(), LARGE) }));
}

/// On the runtime's own threads, and on that in `block_on`.
fn on(workers: usize) {
    for (name, case) in CASES {
        println!("{name}");
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .thread_stack_size(STACK)
            .build()
            .expect("a runtime");
        let (give, take) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            case().await;
            give.send(()).expect("the test waits");
        });
        take.recv().expect("it ends");
        with_stack(move || runtime.block_on(case()));
    }
}

#[test]
fn fit_on_one_worker() {
    on(1);
}

#[test]
fn fit_on_two_workers() {
    on(2);
}

#[test]
fn fit_on_four_workers() {
    on(4);
}
