//! One run of a scenario, in a runtime of its own, with one fault or none.

use crate::injector::{self, Counts, Plan, exempt};
use crate::ledger::{Entries, Ledger, Part};
use crate::scenarios::{LONG, Scenario};
use std::any::Any;
use std::fs;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::Runtime;
use waterwheel::executor::RuntimeMetrics;

/// A run that takes as long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a runtime is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// By `block_on`, without a `Runtime`.
    Short,
    Number(usize),
}

/// What has come of a run.
pub(crate) struct Outcome {
    pub(crate) entries: Entries,
    pub(crate) counts: Counts,
    /// Whether the planned call was made.
    pub(crate) reached: bool,
    /// What is never to be.
    pub(crate) wrong: Vec<String>,
    /// The messages of panics, but for those that are documented.
    pub(crate) panics: Vec<String>,
    /// Processor time of the process.
    pub(crate) spent: Duration,
}

/// See [`Outcome::panics`].
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the documentation says in a panic, as there is no other way to say it.
const DOCUMENTED: [&str; 2] = [
    "`spawn_blocking` could not start a thread",
    "`block_on` could not make a reactor",
];

/// Has panics collected, and not printed: the sweep prints them with the fault that they came of.
pub(crate) fn collect_panics() {
    panic::set_hook(Box::new(|info| {
        let message = info.to_string();
        if !DOCUMENTED.iter().any(|known| message.contains(known)) {
            let thread = thread::current();
            let name = thread.name().unwrap_or("no name");
            let message = format!("thread {name}: {message}");
            PANICS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(message);
        }
    }));
}

/// Runs it. `Err`: it hangs, and so this process is good for nothing more.
pub(crate) fn run(
    scenario: &'static Scenario,
    workers: Workers,
    plan: Option<Plan>,
) -> Result<Outcome, String> {
    let before = (descriptors(), threads());
    let begun = processor_time();
    injector::begin(plan);
    let (tell, told) = mpsc::channel();
    // A thread of its own: what threads keep for themselves, it gives back at its end.
    let thread = thread::Builder::new().name("main future".to_owned());
    let thread = thread.spawn(move || {
        let ledger = Ledger::default();
        let theirs = ledger.clone();
        let ran = catch_unwind(AssertUnwindSafe(|| live(scenario, workers, theirs)));
        injector::disarm();
        // Of a panic the hook has told.
        let wrong = ran.unwrap_or_default();
        // Nobody else listens, or it was too late.
        let _ = tell.send((ledger, wrong));
    });
    let thread = thread.expect("a thread for the run");
    let (ledger, mut wrong) = match told.recv_timeout(PATIENCE) {
        Ok(told) => told,
        Err(RecvTimeoutError::Timeout) => return Err(format!("it hangs; panics: {:?}", panics())),
        Err(RecvTimeoutError::Disconnected) => return Err("it has not ended".to_owned()),
    };
    thread.join().expect("what it does is caught");
    let (counts, reached) = injector::counted();
    let spent = processor_time() - begun;
    let since = Instant::now();
    // Threads that have nothing to do end, but nobody waits for them.
    while (descriptors(), threads()) != before && since.elapsed() < PATIENCE / 6 {
        thread::sleep(Duration::from_micros(100));
    }
    let after = (descriptors(), threads());
    if after != before {
        wrong.push(format!(
            "(descriptors, threads) were {before:?} and are {after:?}"
        ));
    }
    Ok(Outcome {
        panics: panics(),
        entries: ledger.take(),
        counts,
        reached,
        wrong,
        spent,
    })
}

/// Makes a runtime, runs the scenario, and ends it. Gives what is wrong about that.
fn live(scenario: &'static Scenario, workers: Workers, ledger: Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    if scenario.from_birth {
        injector::arm();
    }
    let theirs = ledger.clone();
    let main = async move {
        injector::built();
        injector::arm();
        let result = (scenario.run)(theirs.clone()).await;
        theirs.ended(Part::Setup, result);
    };
    let workers = match workers {
        Workers::Number(workers) => workers,
        Workers::Short => {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waterwheel::block_on(main)))
                && let Some(error) = documented(payload)
            {
                ledger.ended(Part::Setup, Err(error));
            }
            return wrong;
        }
    };
    let runtime = match Runtime::builder().worker_threads(workers).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ledger.ended(Part::Setup, Err(error));
            return wrong;
        }
    };
    runtime.block_on(main);
    if scenario.left == 0 {
        let since = Instant::now();
        while is_busy(&runtime.metrics()) && since.elapsed() < PATIENCE / 6 {
            thread::sleep(Duration::from_micros(100));
        }
        let metrics = runtime.metrics();
        if is_busy(&metrics) {
            wrong.push(format!("something is left: {metrics:?}"));
        }
    }
    let report = runtime.shutdown(Instant::now() + LONG);
    // A scenario whose setup failed has left less.
    if !report.is_complete() || report.tasks.len() > scenario.left {
        wrong.push(format!("the runtime has not ended well: {report:?}"));
    }
    wrong
}

/// The kernel's error that a panic tells of, if it is one that the documentation tells of.
pub(crate) fn documented(payload: Box<dyn Any + Send>) -> Option<io::Error> {
    let message = payload.downcast::<String>().ok()?;
    let is_known = DOCUMENTED.iter().any(|known| message.contains(known));
    let code = message.split("os error ").nth(1)?.split(')').next()?;
    let code = code.parse().ok().filter(|_| is_known)?;
    Some(io::Error::from_raw_os_error(code))
}

/// Whether a task is alive, or a descriptor registered.
fn is_busy(metrics: &RuntimeMetrics) -> bool {
    metrics.tasks_alive > 0 || metrics.workers.iter().any(|worker| worker.descriptors > 0)
}

fn panics() -> Vec<String> {
    mem::take(&mut PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn entries(directory: &str) -> usize {
    exempt(|| fs::read_dir(directory).expect("proc").count())
}

fn descriptors() -> usize {
    entries("/proc/self/fd")
}

fn threads() -> usize {
    entries("/proc/self/task")
}

fn processor_time() -> Duration {
    // SAFETY: plain data, for which zeros are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a place of that type.
    let asked = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(asked, 0);
    [usage.ru_utime, usage.ru_stime]
        .map(|time| Duration::new(time.tv_sec as u64, 1000 * time.tv_usec as u32))
        .iter()
        .sum()
}
