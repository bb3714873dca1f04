//! A runtime from its making to its end: tasks and joins, sleeps, intervals and timeouts, the system clock, blocking jobs, wakes from other
//! threads, a signal; and tasks that are left when it ends.

use super::LONG;
use crate::calls::{Call, Expect, Fault};
use crate::injector;
use crate::ledger::{Ledger, Part};
use crate::run::documented;
use futures_util::StreamExt;
use futures_util::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::UnixStream;
use waterwheel::signal::{SignalKind, signal};
use waterwheel::time::sleep_until_system;
use waterwheel::{Handle, JoinHandle, interval, sleep, spawn, spawn_blocking, timeout, yield_now};

/// How many tasks are left for the end of the runtime.
pub(crate) const LEFT: usize = 3;

const SHORT: Duration = Duration::from_millis(1);

pub(super) fn expect(call: Call, fault: Fault) -> Option<Expect> {
    match (call, fault) {
        // A listener's to a signal, which has a descriptor of its own.
        (Call::Duplicate, Fault::Fail(_)) => Some(Expect::Reported),
        _ => None,
    }
}

pub(super) async fn run(ledger: Ledger) -> io::Result<()> {
    let tasks = [
        ("timers", spawn(timers())),
        ("system clock", spawn(system_clock())),
        ("joins", spawn(joins())),
    ];
    blocking(&ledger).await;
    ledger.ended(Part::Number(0), signalled().await);
    for (name, task) in tasks {
        let joined = timeout(LONG, task).await;
        joined.expect(name).expect(name);
    }
    ledger.ended(Part::Number(2), guest(&ledger).await);
    in_each_worker().await;
    // Now that nothing else ends a sleep.
    woken_from_elsewhere().await;
    // Left for the end of the runtime: [`LEFT`].
    spawn(sleep(Duration::MAX));
    spawn(pending::<()>());
    let (ours, theirs) = UnixStream::pair()?;
    spawn(async move {
        let read = ours.read(&mut [0]).await;
        ledger.ended(Part::Number(1), read.map(drop));
        drop(theirs);
    });
    yield_now().await;
    Ok(())
}

async fn timers() {
    let begun = Instant::now();
    // The first is at once.
    let mut ticks = interval(SHORT).take(4);
    while ticks.next().await.is_some() {}
    assert!(begun.elapsed() >= 3 * SHORT, "no tick is early");
    let begun = Instant::now();
    sleep(2 * SHORT).await;
    assert!(begun.elapsed() >= 2 * SHORT, "nor is a sleep");
    timeout(SHORT, pending::<()>())
        .await
        .expect_err("it is never ready");
}

async fn system_clock() {
    let until = SystemTime::now() + 2 * SHORT;
    sleep_until_system(until).await;
    assert!(SystemTime::now() >= until);
}

async fn joins() {
    let sums = (0..20u64).map(|n| {
        spawn(async move {
            yield_now().await;
            (0..n).sum::<u64>()
        })
    });
    let mut total = 0;
    for sum in sums.collect::<Vec<_>>() {
        total += sum.await.expect("no panic");
    }
    assert_eq!(total, 1140);
}

/// Each worker still has somebody in it.
async fn in_each_worker() {
    let handle = Handle::current();
    for worker in 0..handle.workers() {
        let slept = handle.spawn_on_worker(worker, sleep(SHORT)).await;
        slept.expect("no panic");
    }
}

/// A thread that is none of the runtime's wakes a task, several times, each time asleep.
async fn woken_from_elsewhere() {
    let (send, receive) = mpsc::channel::<std::task::Waker>();
    let waker = injector::exempt(|| {
        thread::spawn(move || {
            for waker in receive {
                thread::sleep(SHORT / 4);
                waker.wake();
            }
        })
    });
    for _ in 0..4 {
        let mut asked = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return std::task::Poll::Ready(());
            }
            send.send(cx.waker().clone()).expect("it listens");
            std::task::Poll::Pending
        })
        .await;
    }
    drop(send);
    waker.join().expect("no panic");
}

async fn blocking(ledger: &Ledger) {
    for number in 0..3 {
        let doubled = job(ledger, move || number * 2).await;
        assert_eq!(doubled.await.expect("it runs"), number * 2);
    }
}

/// Starts a job, after any failure to do so. Without a thread, that panics, and says what the kernel said.
async fn job<T: Send + 'static>(
    ledger: &Ledger,
    run: impl FnOnce() -> T + Clone + Send + 'static,
) -> JoinHandle<T> {
    loop {
        match catch_unwind(AssertUnwindSafe(|| spawn_blocking(run.clone()))) {
            Ok(job) => break job,
            Err(payload) => ledger.told(documented(payload).expect("what it says is documented")),
        }
    }
}

/// A thread comes into the runtime while another has the first worker.
async fn guest(ledger: &Ledger) -> io::Result<()> {
    let handle = Handle::current();
    let visit = move || {
        let slept = async {
            sleep(SHORT).await;
            spawn(sleep(SHORT)).await.expect("no panic");
        };
        catch_unwind(AssertUnwindSafe(|| handle.block_on(slept)))
    };
    let visited = job(ledger, visit)
        .await
        .await
        .expect("its panics are caught");
    // One that is not documented the sweep has heard of.
    visited.map_err(|payload| documented(payload).unwrap_or_else(|| io::ErrorKind::Other.into()))
}

async fn signalled() -> io::Result<()> {
    let mut signals = signal(SignalKind::user_defined1())?;
    for _ in 0..2 {
        // The handler runs in this thread, and its write is not the runtime's to retry.
        // SAFETY: the call takes no pointers, and there is a handler.
        let raised = injector::exempt(|| unsafe { libc::raise(libc::SIGUSR1) });
        assert_eq!(raised, 0);
        timeout(LONG, signals.recv()).await.expect("it is told")?;
    }
    Ok(())
}
