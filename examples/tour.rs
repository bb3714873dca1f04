//! What Waterwheel does, in a few seconds: `cargo run --release --example tour`.
//!
//! It starts an echo server on a port of its own, runs a hundred clients against it while an interval ticks, lets a
//! timeout fire, sleeps for a millisecond a hundred times, and writes more than the kernel takes to a peer that does not read
//! yet: all that on one thread. Then it has three: one of them gets stuck while timers are due, and at the end all is cancelled. Every
//! line of the account is checked; the exit code is 0 only if all checks held.

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::{
    JoinSet, Runtime, block_on, interval, sleep, sleep_until, spawn, spawn_local, timeout,
    yield_now,
};

const CLIENTS: usize = 100;
const REQUESTS: usize = 1_000;
const MESSAGE: usize = 64;

/// One line of the account.
struct Line {
    what: &'static str,
    account: String,
    held: bool,
}

fn main() -> ExitCode {
    println!("Waterwheel: a tour, on one thread and on three\n");
    match tour() {
        Ok(true) => {
            println!("\nall checks held");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            println!("\na check did not hold: see the lines marked ✗");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nthe tour ended early: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> io::Result<bool> {
    let mut all_held = true;
    let mut show = |line: Line| {
        let mark = if line.held { '✓' } else { '✗' };
        println!("  {mark} {:<26}{}", line.what, line.account);
        all_held &= line.held;
    };
    block_on(async {
        let (echoed, ticked) = echo_and_ticks().await?;
        show(echoed);
        show(ticked);
        show(a_timeout_fires().await);
        show(sleeps().await);
        show(a_write_completes().await?);
        io::Result::Ok(())
    })?;
    let runtime = Runtime::builder().worker_threads(3).build()?;
    show(a_worker_is_stuck(&runtime));
    show(everything_is_cancelled(runtime));
    Ok(all_held)
}

/// Tasks wait for timers in the driver of this thread, which then does nothing else for a while.
fn a_worker_is_stuck(runtime: &Runtime) -> Line {
    const STUCK: Duration = Duration::from_millis(500);
    const TASKS: usize = 100;
    let lateness = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            tasks.spawn(async move {
                let due = Instant::now() + Duration::from_millis(50 + 4 * number as u64);
                sleep_until(due).await;
                due.elapsed()
            });
        }
        yield_now().await;
        std::thread::sleep(STUCK);
        let mut worst = Duration::ZERO;
        while let Some(lateness) = tasks.join_next().await {
            worst = worst.max(lateness.expect("no task panics"));
        }
        worst
    });
    let turns: u64 = runtime
        .metrics()
        .workers
        .iter()
        .map(|worker| worker.sibling_turns)
        .sum();
    Line {
        what: "a worker stuck for 500 ms",
        account: format!(
            "{TASKS} timers beside it, late by {lateness:.1?} at most; siblings took its turn {turns} times"
        ),
        // Half of the time in which nobody would have served them, on however busy a machine.
        held: lateness < STUCK / 2,
    }
}

/// Tasks that would never end are dropped with the runtime, which says what they were.
fn everything_is_cancelled(runtime: Runtime) -> Line {
    const TASKS: usize = 10_000;
    for _ in 0..TASKS {
        drop(runtime.spawn(pending::<()>()));
    }
    let began = Instant::now();
    let report = runtime.shutdown(Duration::from_secs(10));
    Line {
        what: "shutdown",
        account: format!(
            "{} tasks cancelled in {:.1?}, {} left",
            report.tasks.len(),
            began.elapsed(),
            report.stuck.len()
        ),
        held: report.tasks.len() == TASKS && report.is_complete(),
    }
}

/// A hundred clients, each with its connection and its task, and an interval beside them.
async fn echo_and_ticks() -> io::Result<(Line, Line)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = spawn(async move {
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(serve(stream));
        }
        #[expect(unreachable_code, reason = "names the type of the error")]
        io::Result::Ok(())
    });

    let working = Rc::new(Cell::new(true));
    let ticks = spawn_local(tick_while(Rc::clone(&working)));

    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                converse(&stream, client as u8).await
            })
        })
        .collect();
    let mut right = 0;
    for client in clients {
        right += client.await??;
    }
    let took = began.elapsed();
    working.set(false);
    server.abort();

    let rate = (CLIENTS * REQUESTS) as f64 / took.as_secs_f64();
    let echoed = Line {
        what: "echo over TCP",
        account: format!(
            "{CLIENTS} clients, {} requests, {right} right answers, {rate:.0} requests/s",
            CLIENTS * REQUESTS
        ),
        held: right == CLIENTS * REQUESTS,
    };
    Ok((echoed, ticks.await?))
}

async fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Returns the number of right answers.
async fn converse(stream: &TcpStream, client: u8) -> io::Result<usize> {
    let mut right = 0;
    let mut answer = [0; MESSAGE];
    for request in 0..REQUESTS {
        let message = [client ^ request as u8; MESSAGE];
        stream.write_all(&message).await?;
        stream.read_exact(&mut answer).await?;
        right += usize::from(answer == message);
    }
    Ok(right)
}

async fn tick_while(working: Rc<Cell<bool>>) -> Line {
    const PERIOD: Duration = Duration::from_millis(10);
    let began = Instant::now();
    let mut interval = interval(PERIOD);
    let mut late = Vec::new();
    let mut in_phase = true;
    let mut phase = None;
    while working.get() {
        let scheduled = interval.tick().await;
        let first = *phase.get_or_insert(scheduled);
        let periods = (scheduled - first).as_nanos() / PERIOD.as_nanos();
        in_phase &= (scheduled - first).as_nanos() == periods * PERIOD.as_nanos();
        in_phase &= scheduled >= began;
        late.push(Instant::now().checked_duration_since(scheduled));
    }
    let (count, early, median, most) = lateness(late);
    Line {
        what: "interval of 10 ms, beside",
        account: format!(
            "{count} ticks, {early} early, jitter {median:.0?} in the median, {most:.0?} at most"
        ),
        held: count > 0 && early == 0 && in_phase,
    }
}

async fn a_timeout_fires() -> Line {
    const LIMIT: Duration = Duration::from_millis(50);
    let began = Instant::now();
    let result = timeout(LIMIT, pending::<()>()).await;
    let took = began.elapsed();
    Line {
        what: "timeout of 50 ms",
        account: format!("fired after {took:.2?}"),
        held: result.is_err() && took >= LIMIT,
    }
}

async fn sleeps() -> Line {
    const DELAY: Duration = Duration::from_millis(1);
    let mut late = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        sleep(DELAY).await;
        late.push(began.elapsed().checked_sub(DELAY));
    }
    let (count, early, median, most) = lateness(late);
    Line {
        what: "sleep of 1 ms",
        account: format!(
            "{count} times, {early} early, late by {median:.0?} in the median, {most:.0?} at most"
        ),
        held: early == 0,
    }
}

/// The number of all, the number of those that came early (`None`), the median and the most of the others.
fn lateness(mut late: Vec<Option<Duration>>) -> (usize, usize, Duration, Duration) {
    let count = late.len();
    let early = late.iter().filter(|late| late.is_none()).count();
    late.sort_unstable();
    let at = |index: usize| late.get(index).copied().flatten().unwrap_or_default();
    (count, early, at(count / 2), at(count.saturating_sub(1)))
}

/// Writes more than the kernel takes: the write is complete when the last byte has left for the kernel, and that is
/// not before the peer reads.
async fn a_write_completes() -> io::Result<Line> {
    const SIZE: usize = 16 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    let (theirs, _) = listener.accept().await?;
    let message = vec![7; SIZE];

    let mut write = ours.write_all(&message);
    let early = timeout(Duration::from_millis(100), &mut write).await;
    let before = write.written();

    let received = Rc::new(Cell::new(0));
    let counter = Rc::clone(&received);
    let reader = spawn_local(async move {
        let mut buffer = vec![0; 64 * 1024];
        while counter.get() < SIZE {
            match theirs.read(&mut buffer).await? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                count => counter.set(counter.get() + count),
            }
        }
        Ok(())
    });
    (&mut write).await?;
    let (at_completion, read_by_then) = (write.written(), received.get());
    reader.await??;

    let mib = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
    Ok(Line {
        what: "write completion, 16 MiB",
        account: format!(
            "{:.1} MiB before the peer reads; complete when it has read {:.1} MiB, {:.1} MiB in the kernel",
            mib(before),
            mib(read_by_then),
            mib(at_completion - read_by_then),
        ),
        held: early.is_err()
            && before < SIZE
            && read_by_then > 0
            && at_completion == SIZE
            && received.get() == SIZE,
    })
}
