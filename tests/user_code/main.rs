//! Code of users that panics: what becomes of it, for every public function that takes such code.
//!
//! Three tables must have the same names: [`TABLE`] here, where each has a program that tries it; the one in `docs/reliability.md`, under
//! "Code of yours that panics"; and what the sources have ([`scan`]). So a new function that takes a closure, a future or a waker fails the test
//! until somebody has decided, written down and tried what its panics do.
//!
//! | file | what is there |
//! |---|---|
//! | here | the tests; [`Fate`]; [`User`], the code that panics |
//! | `table` | [`TABLE`]: the names, their fates and their programs |
//! | `scan` | what the sources and the document have |

mod scan;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};
use table::TABLE;
use waterwheel::net::UnixStream;
use waterwheel::{JoinHandle, Runtime, sleep, spawn, spawn_blocking};

/// What becomes of a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It ends the task, and whoever asks is told: the task's handle, and the hook for panics.
    Told,
    /// It ends nothing, and nobody is told but the process's panic hook.
    Ignored,
    /// It unwinds out of the call, or out of the poll of the future that the call has given.
    Caller,
    /// The code is kept and given back, and not called.
    Kept,
}

/// Where the code panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// When it is called.
    Call,
    /// In the destructor of what it has captured.
    Drop,
}

/// What the panics here carry.
const BOOM: &str = "boom";

/// What a closure, a future or a waker of the tests has captured.
struct User {
    mode: Mode,
    called: Arc<AtomicBool>,
    dropped: Arc<AtomicUsize>,
}

impl User {
    fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        if self.mode == Mode::Call {
            panic_any(BOOM);
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        if self.mode == Mode::Drop && !thread::panicking() {
            panic_any(BOOM);
        }
    }
}

/// A waker that calls it.
impl Wake for User {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}

/// Where a program runs.
struct Place {
    runtime: Runtime,
    workers: usize,
    /// How many panics the hook of the runtime was told of.
    told: Arc<AtomicUsize>,
}

impl Place {
    fn new(workers: usize) -> Self {
        let told = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&told);
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .on_task_panic(move |panic| {
                assert_eq!(panic.payload().downcast_ref(), Some(&BOOM));
                theirs.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .expect("a runtime");
        Self {
            runtime,
            workers,
            told,
        }
    }

    fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    /// What the handle of a task says.
    fn fate_of<T>(&self, handle: JoinHandle<T>) -> Fate {
        match self.runtime.block_on(handle) {
            Err(error) if error.is_panic() => Fate::Told,
            _ => Fate::Ignored,
        }
    }

    /// A timer, a task, a socket and a blocking job go on.
    fn assert_healthy(&self) {
        let healthy = self.runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair()?;
            let echo = spawn(async move {
                let mut byte = [0];
                theirs.read_exact(&mut byte).await?;
                theirs.write_all(&byte).await
            });
            sleep(Duration::from_millis(1)).await;
            ours.write_all(b"!").await?;
            ours.read_exact(&mut [0]).await?;
            echo.await.expect("no panic")?;
            spawn_blocking(|| ()).await.expect("no panic");
            io::Result::Ok(())
        });
        healthy.expect("all goes on");
    }
}

/// What becomes of a panic in `run`, if it does not come out.
fn caught(run: impl FnOnce() -> Fate) -> Fate {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(fate) => fate,
        Err(payload) => {
            let payload = payload.downcast_ref::<&str>().copied();
            assert_eq!(payload, Some(BOOM), "another panic");
            Fate::Caller
        }
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Only panics that are not part of the test are shown.
fn silence() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&BOOM) {
            usual(panic);
        }
    }));
}

fn run_all(workers: usize) {
    silence();
    for mode in [Mode::Call, Mode::Drop] {
        let place = Place::new(workers);
        for entry in TABLE {
            let expected = match mode {
                Mode::Call => entry.call,
                Mode::Drop => entry.drop,
            };
            let (called, dropped) = <(Arc<AtomicBool>, Arc<AtomicUsize>)>::default();
            let user = User {
                mode,
                called: Arc::clone(&called),
                dropped: Arc::clone(&dropped),
            };
            let before = place.told();
            let name = entry.name;
            let fate = caught(|| (entry.program)(&place, user));
            assert_eq!(fate, expected, "{name}, {mode:?}, {workers} workers");
            let called = called.load(Ordering::SeqCst);
            assert_eq!(called, entry.call != Fate::Kept, "{name} calls it");
            wait_until(&format!("{name} drops what it has, {mode:?}"), || {
                dropped.load(Ordering::SeqCst) == 1
            });
            if fate == Fate::Told {
                wait_until(&format!("{name} tells the hook"), || place.told() > before);
            }
            place.assert_healthy();
            let told = place.told() - before;
            assert!(
                told <= 1 && (fate != Fate::Caller || told == 0),
                "{name}: {told}"
            );
            assert_eq!(dropped.load(Ordering::SeqCst), 1, "{name}: once");
        }
    }
}

#[test]
fn on_one_worker_each_panic_has_its_fate() {
    run_all(1);
}

#[test]
fn on_two_workers_each_panic_has_its_fate() {
    run_all(2);
}

#[test]
fn on_four_workers_each_panic_has_its_fate() {
    run_all(4);
}

/// The function that an entry tries: its name has a comma where there are several ways to call that.
fn function(name: &str) -> &str {
    name.split_once(',')
        .map_or(name, |(function, _how)| function)
}

/// Of each name: what it says of a panic when the code is called.
type Fates = BTreeMap<String, String>;

#[test]
fn every_function_that_takes_code_of_users_is_in_both_tables() {
    let ours: Fates = TABLE
        .iter()
        .map(|entry| {
            let fate = format!("{:?}", entry.call).to_lowercase();
            (function(entry.name).to_owned(), fate)
        })
        .chain(
            table::UNTRIED
                .iter()
                .map(|(name, fate, _why)| (name.to_string(), format!("{fate:?}").to_lowercase())),
        )
        .collect();
    let untried = table::UNTRIED.iter().map(|(name, _, _)| *name);
    let names: BTreeSet<_> = TABLE
        .iter()
        .map(|entry| entry.name)
        .chain(untried)
        .collect();
    assert_eq!(
        names.len(),
        TABLE.len() + table::UNTRIED.len(),
        "a name twice"
    );
    let sources = scan::sources();
    assert!(sources.len() > 50, "the scan finds too little: {sources:?}");
    let missing: Vec<_> = sources
        .iter()
        .filter(|(name, _)| !ours.contains_key(*name))
        .map(|(name, file)| format!("`{name}` in {file}"))
        .collect();
    assert!(
        missing.is_empty(),
        "these take code of users, and tests/user_code/table.rs does not say what becomes of its panics: add each to `TABLE`, and to the \
         table \"Code of yours that panics\" in docs/reliability.md: {missing:#?}"
    );
    for name in ours.keys() {
        assert!(
            sources.contains_key(name),
            "`{name}` of tests/user_code/table.rs is in no source any more: remove it there and in docs/reliability.md"
        );
    }
    let documented = scan::document();
    for name in ours.keys().chain(documented.keys()) {
        assert_eq!(
            documented.get(name),
            ours.get(name),
            "what docs/reliability.md says of `{name}` (left) and what tests/user_code/table.rs says"
        );
    }
}

/// The scan would notice a new one.
#[test]
fn the_scan_sees_all_ways_to_take_a_closure() {
    let source = "
pub fn bare(f: impl Fn()) {}
pub(crate) fn private(f: impl Fn()) {}
#[doc(hidden)]
#[inline]
pub fn ours(f: impl Fn()) {}
pub async fn generic<F: FnOnce(u8) -> u8>(f: F) {}
/// pub fn comment(f: impl Fn()) {}
pub fn returns() -> impl Fn() {}
impl<C, R> Timer<C, R>
where
    C: FnMut() -> R,
{
    pub fn new(
        callback: C,
    ) -> Self {
    }
    fn hidden(f: impl Fn()) {}
}
impl Other {
    pub const fn boxed(f: Box<dyn Fn() + Send>) {}
    pub fn wakes(&self, waker: &Waker) {}
    pub fn none(&self) {}
    pub fn awaits(&self, trigger: impl Future<Output = ()>) {}
    pub fn plain(f: fn()) {}
    pub fn asynchronous(f: impl AsyncFnOnce()) {}
}
pub trait Theirs: Send {
}
pub trait Ours: sealed::Sealed {
}
#[cfg(test)]
mod tests {
    pub fn tested(f: impl Fn()) {}
}
";
    let mut found: Vec<_> = scan::of_source(source).into_iter().collect();
    found.sort();
    let expected = [
        "Other::asynchronous",
        "Other::awaits",
        "Other::boxed",
        "Other::plain",
        "Other::wakes",
        "Theirs",
        "Timer::new",
        "bare",
        "generic",
    ];
    assert_eq!(found, expected);
}
