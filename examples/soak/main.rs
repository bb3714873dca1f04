//! A soak: everything that the runtime has, side by side and for as long as one likes, and then more than it may have.
//!
//!     cargo run --release --example soak -- [SECONDS] [--workers N] [--seed N] [--slow N]
//!
//! | module | what is there |
//! |---|---|
//! | here | the run, from its baseline to its verdict |
//! | `server`, `chaos` | an echo server; a proxy before it that mistreats connections, and clients behind that |
//! | `slow`, `churn` | 5,000 clients that say a word now and then; connections that come and go |
//! | `timers`, `tasks` | a million of each, always pending and alive, some of which end all the time |
//! | `sets`, `outbox` | `JoinSet` with aborts, blocking jobs; outboxes before slow readers |
//! | `overload` | more than there may be: connections, descriptors, backlog, blocking jobs, queued bytes |
//! | `watch`, `process` | what the process has, and how that grows |
//! | `tally`, `random` | what is counted, and found wrong; numbers from a seed |
//!
//! A third of the time is for warming up. After it neither the heap nor resident memory may grow by more than a MiB, however long that is; see
//! `watch`. A run under five minutes says how they grow, and does not judge it: the short timers alone take a minute to be spread as they
//! stay. At the end everything is shut down, and what the process then has is compared with what it had before: descriptors,
//! threads, heap. Whatever is found wrong is said, and makes the exit code 1: a panic, a wrong byte, an early timer, a workload that stands still.

mod chaos;
mod churn;
mod outbox;
mod overload;
mod process;
mod random;
mod server;
mod sets;
mod slow;
mod tally;
mod tasks;
mod timers;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;
use watch::{Samples, Watch};
use waterwheel::{Handle, Runtime, sleep, timeout};

/// How much the heap and resident memory may grow after the warm-up, in bytes.
const MOST_GROWTH: f64 = (1 << 20) as f64;
/// From how many seconds on that is judged.
const JUDGED: usize = 300;
/// What may be left of the heap at the end, in bytes: names of counters, and what the standard library keeps.
const MOST_LEFT: isize = 64 << 10;
/// How long the workloads may take to end.
const ENDING: Duration = Duration::from_secs(120);
/// Descriptors that others than the slow clients may need.
const OTHERS: usize = 1000;

static PANICS: AtomicU64 = AtomicU64::new(0);

struct Options {
    seconds: usize,
    workers: usize,
    seed: u64,
    slow: usize,
}

fn options() -> Result<Options, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut options = Options {
        seconds: 600,
        workers: 2,
        seed: since.map_or(0, |since| since.as_nanos() as u64),
        slow: 5000,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| {
            let text = text.ok_or(format!("{argument} wants a number"))?;
            text.parse::<u64>()
                .map_err(|_| format!("{text} is no number"))
        };
        match argument.as_str() {
            "--workers" => options.workers = number(arguments.next())? as usize,
            "--seed" => options.seed = number(arguments.next())?,
            "--slow" => options.slow = number(arguments.next())? as usize,
            _ => options.seconds = number(Some(argument.clone()))? as usize,
        }
    }
    Ok(options)
}

/// What the process has before anything was done.
struct Baseline {
    descriptors: usize,
    threads: usize,
    heap: isize,
    blocks: isize,
}

fn main() -> ExitCode {
    let mut options = match options() {
        Ok(options) => options,
        Err(message) => {
            eprintln!("soak: {message}; usage: soak [SECONDS] [--workers N] [--seed N] [--slow N]");
            return ExitCode::from(2);
        }
    };
    process::refuse_huge_pages();
    process::share_a_heap();
    let allowed = process::allow_descriptors(usize::MAX);
    // A slow client is two descriptors, one on each side.
    let possible = allowed.saturating_sub(OTHERS) / 2;
    if possible < options.slow {
        println!("soak: {allowed} descriptors are allowed, so there are fewer slow clients");
        options.slow = possible;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    println!(
        "soak: {} s on {} workers, {} timers and {} tasks, {} slow clients; seed {}",
        options.seconds,
        options.workers,
        timers::TIMERS,
        tasks::TASKS,
        options.slow,
        options.seed
    );
    let tally = Arc::new(Tally::new(options.seed));
    let before = Baseline {
        descriptors: process::descriptors(),
        threads: process::threads(),
        heap: process::heap(),
        blocks: process::blocks(),
    };

    let soaked = soak(&tally, &options);
    tally.check(
        soaked.is_ok(),
        format_args!("the soak: {:?}", soaked.as_ref().err()),
    );
    let after_soak = settle(&before);
    println!("\nmemory after the warm-up");
    let mut most_descriptors = 0;
    if let Ok(samples) = soaked {
        most_descriptors = samples.most_descriptors();
        judge_growth(&tally, &samples, options.seconds);
    }
    println!("\noverload");
    let overloaded = overload::run(&tally);
    tally.check(
        overloaded.is_ok(),
        format_args!("the overload: {:?}", overloaded.err()),
    );
    let at_end = settle(&before);

    tally.print();
    println!("\nat the end");
    println!(
        "  descriptors: {} before, {most_descriptors} at most, {} after the soak, {} after the overload",
        before.descriptors, after_soak.descriptors, at_end.descriptors
    );
    println!(
        "  threads: {} before, {} after",
        before.threads, at_end.threads
    );
    let left = at_end.heap - before.heap;
    println!(
        "  heap: {left} bytes in {} blocks more than before; resident {:.1} MiB",
        at_end.blocks - before.blocks,
        process::resident() as f64 / f64::from(1 << 20)
    );
    for (when, then) in [("the soak", &after_soak), ("the overload", &at_end)] {
        let back = then.descriptors == before.descriptors && then.threads == before.threads;
        tally.check(
            back,
            format_args!("descriptors or threads are left after {when}"),
        );
    }
    tally.check(left <= MOST_LEFT, "the heap is not what it was");
    let panics = PANICS.load(Ordering::Relaxed);
    tally.check(panics == 0, "something has panicked");
    let faults = tally.faults();
    println!("  panics: {panics}; found wrong: {faults}");
    ExitCode::from(u8::from(faults > 0))
}

fn judge_growth(tally: &Tally, samples: &Samples, seconds: usize) {
    let growth = samples.growth(seconds as f64 / 3.0, seconds as f64);
    if seconds < JUDGED {
        println!("  not judged, as the run is shorter than {JUDGED} s");
        return;
    }
    for (name, growth) in ["heap", "resident memory"].iter().zip(growth) {
        let within = growth.by_line <= MOST_GROWTH && growth.by_windows <= MOST_GROWTH;
        tally.check(within, format_args!("{name} grows by more than a MiB"));
    }
}

/// What the process has, when it is as before, or that takes too long.
fn settle(before: &Baseline) -> Baseline {
    let began = Instant::now();
    loop {
        process::trim();
        let now = Baseline {
            descriptors: process::descriptors(),
            threads: process::threads(),
            heap: process::heap(),
            blocks: process::blocks(),
        };
        let same = now.descriptors == before.descriptors && now.threads == before.threads;
        if same || began.elapsed() > Duration::from_secs(20) {
            return now;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// All workloads, for so long, and their end.
fn soak(tally: &Arc<Tally>, options: &Options) -> io::Result<Samples> {
    let runtime = Runtime::builder()
        .worker_threads(options.workers)
        .max_blocking_threads(4)
        .build()?;
    let watch = Watch::start(tally, options.seconds, options.seconds.div_ceil(40).max(1));
    let ran = runtime.block_on(workloads(tally, options));
    let began = Instant::now();
    let report = runtime.shutdown(began + Duration::from_secs(30));
    println!(
        "\nthe runtime's end took {:.1?}: {} tasks were alive, {} stuck, {} jobs ran",
        began.elapsed(),
        report.tasks.len(),
        report.stuck.len(),
        report.blocking.len()
    );
    tally.check(
        report.tasks.is_empty() && report.is_complete(),
        format_args!("something was left: {report:?}"),
    );
    let samples = watch.end();
    ran.map(|()| samples)
}

/// Waits until all timers are pending and all tasks alive, and then has each wheel hold all timers.
async fn high_tide(tally: &Tally, began: Instant, options: &Options) {
    let runtime = Handle::current();
    let warm = Duration::from_secs(options.seconds as u64) / 3;
    loop {
        let metrics = runtime.metrics();
        let pending: usize = metrics.workers.iter().map(|w| w.timers_pending).sum();
        // Each timer with a callback is a task, too. Some have just fired.
        if pending >= timers::TIMERS * 99 / 100
            && metrics.tasks_alive >= (timers::TIMERS + tasks::TASKS) * 99 / 100
        {
            break;
        }
        if began.elapsed() > warm {
            println!("the warm-up is over, and not all tasks and timers are there");
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!(
        "all tasks and timers are there after {:.1?}",
        began.elapsed()
    );
    for worker in 1..options.workers {
        let tide = runtime.spawn_on_worker(worker, timers::tide(tally.seed));
        tide.await.expect("no panic");
    }
    // This future is in the first worker, which changes hands.
    timers::tide(tally.seed).await;
    println!("each wheel has held them all after {:.1?}", began.elapsed());
}

async fn workloads(tally: &Arc<Tally>, options: &Options) -> io::Result<()> {
    let began = Instant::now();
    let (patient, patient_address) = server::start(tally, "the server", Duration::MAX).await?;
    let (strict, strict_address) = server::start(tally, "the strict server", slow::SILENCE).await?;
    let shared = || Arc::clone(tally);
    let running = [
        waterwheel::spawn(timers::run(shared())),
        waterwheel::spawn(tasks::run(shared())),
        waterwheel::spawn(sets::run(shared())),
        waterwheel::spawn(outbox::run(shared())),
        waterwheel::spawn(churn::run(shared(), patient_address)),
        waterwheel::spawn(slow::run(shared(), strict_address, options.slow)),
        waterwheel::spawn({
            let tally = shared();
            async move {
                let ended = chaos::run(Arc::clone(&tally), patient_address).await;
                tally.check(ended.is_ok(), format_args!("the proxy: {ended:?}"));
            }
        }),
    ];
    high_tide(tally, began, options).await;
    sleep(Duration::from_secs(options.seconds as u64).saturating_sub(began.elapsed())).await;
    tally.end();
    let ending = Instant::now();
    for workload in running {
        let ended = timeout(ENDING, workload).await;
        tally.check(
            matches!(ended, Ok(Ok(()))),
            format_args!("a workload does not end: {ended:?}"),
        );
    }
    println!("the workloads' end took {:.1?}", ending.elapsed());
    for server in [patient, strict] {
        let report = server.until(async {}, Duration::from_secs(30)).await;
        println!("{report:?}");
        tally.check(
            report.panicked + report.cancelled + report.left + report.refused == 0,
            "the server's end",
        );
    }
    Ok(())
}
