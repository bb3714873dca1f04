//! What it takes to meet a moment: wakers that count, an aim that corrects itself, and an allocator that tells what is left.

#![allow(dead_code, reason = "each test uses some of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The system's allocator, which counts the bytes that are alive: of the threads that ask for it, so that the test harness does
/// not count, and of all these together, as what one allocates another gives back.
struct Counting;

static ALIVE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn count(bytes: isize) {
    if COUNTED.get() {
        ALIVE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Whether a thread of this process has panicked that took part in a race: the other one need not wait for it.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// A thread's part in a race.
#[must_use]
pub(crate) struct Part;

/// While it has this, what the thread allocates and frees is counted; and if it panics, nobody waits for it.
pub(crate) fn take_part() -> Part {
    COUNTED.set(true);
    Part
}

impl Drop for Part {
    fn drop(&mut self) {
        COUNTED.set(false);
        if thread::panicking() {
            PANICKED.store(true, Ordering::Relaxed);
        }
    }
}

/// Panics if another thread has: what it was to do, it will not do.
#[track_caller]
pub(crate) fn check_the_others() {
    let panicked = PANICKED.load(Ordering::Relaxed);
    assert!(!panicked, "another thread has panicked");
}

/// The bytes that the threads which count have allocated, and not freed.
pub(crate) fn alive() -> isize {
    ALIVE.load(Ordering::SeqCst)
}

/// The tests of one file take turns: each wants a processor for each of its two threads.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    PANICKED.store(false, Ordering::Relaxed);
    guard
}

/// Spins until the condition holds, and gives the processor up now and then, in case there is only one.
#[track_caller]
pub(crate) fn spin_until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut start = None;
    loop {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            hint::spin_loop();
        }
        check_the_others();
        let start = *start.get_or_insert_with(Instant::now);
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it hangs: {what}"
        );
        thread::yield_now();
    }
}

/// Spins until that instant.
pub(crate) fn spin_until_instant(at: Instant) {
    while Instant::now() < at {
        hint::spin_loop();
    }
}

/// What one thread hands to another, which spins for it.
pub(crate) struct Baton<T> {
    given: AtomicUsize,
    value: Mutex<Option<T>>,
}

impl<T> Baton<T> {
    pub(crate) fn new() -> Self {
        Self {
            given: AtomicUsize::new(0),
            value: Mutex::new(None),
        }
    }

    pub(crate) fn give(&self, value: T) {
        *self.value.lock().unwrap() = Some(value);
        self.given.store(1, Ordering::Release);
    }

    pub(crate) fn is_there(&self) -> bool {
        self.given.load(Ordering::Acquire) == 1
    }

    #[track_caller]
    pub(crate) fn take(&self) -> T {
        spin_until("the other thread hands over", || self.is_there());
        self.given.store(0, Ordering::Relaxed);
        self.value.lock().unwrap().take().expect("it was given")
    }
}

/// A waker that counts how often it was woken, and remembers in which turn.
pub(crate) struct Witness {
    woken: AtomicUsize,
    turn: AtomicUsize,
}

/// The number of the turn that is being taken, in tests which count them.
pub(crate) static TURN: AtomicUsize = AtomicUsize::new(0);

impl Witness {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            woken: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
        })
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    pub(crate) fn woken(&self) -> usize {
        self.woken.load(Ordering::Acquire)
    }

    /// The turn in which it was woken last.
    pub(crate) fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// How often it was woken since the last time it was asked.
    pub(crate) fn take(&self) -> usize {
        self.woken.swap(0, Ordering::AcqRel)
    }
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.turn
            .store(TURN.load(Ordering::Relaxed), Ordering::Relaxed);
        self.woken.fetch_add(1, Ordering::AcqRel);
    }
}

/// When something is to be done, as seen from a deadline, so that it comes as often before the timer fires as after. How late
/// timers fire depends on the machine; the aim follows.
pub(crate) struct Aim {
    nanos: i64,
    farthest: i64,
    spread: u64,
    random: u64,
}

impl Aim {
    /// Spread over so many nanoseconds to either side, and never so far off that a stall of the machine takes long to forget.
    pub(crate) fn new(spread: u64, farthest: i64, seed: u64) -> Self {
        Self {
            nanos: 0,
            farthest,
            spread,
            random: seed,
        }
    }

    pub(crate) fn at(&mut self, deadline: Instant) -> Instant {
        // Knuth's constants of a linear congruence; the high bits are good enough here.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let off = ((self.random >> 33) % (2 * self.spread)).cast_signed()
            - self.spread.cast_signed()
            + self.nanos;
        if off < 0 {
            deadline - Duration::from_nanos(off.unsigned_abs())
        } else {
            deadline + Duration::from_nanos(off.unsigned_abs())
        }
    }

    pub(crate) fn learn(&mut self, fired: bool) {
        let step = (self.spread / 16).max(1).cast_signed();
        let step = if fired { -step } else { step };
        self.nanos = (self.nanos + step).clamp(-self.farthest, self.farthest);
    }
}

/// When something was done, as seen from the firing of the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The timer had not fired when it was done.
    Before,
    /// The two met.
    During,
    /// The timer had fired when it was begun.
    After,
}

/// How often something was done at which moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) before: usize,
    pub(crate) during: usize,
    pub(crate) after: usize,
    /// When the first was added, and how much processor time this process had had by then.
    began: Option<(Instant, Duration)>,
}

/// How much processor time all threads of this process have had.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is written to a place of its type.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Moments {
    pub(crate) fn add(&mut self, moment: Moment) {
        self.began
            .get_or_insert_with(|| (Instant::now(), processor_time()));
        match moment {
            Moment::Before => self.before += 1,
            Moment::During => self.during += 1,
            Moment::After => self.after += 1,
        }
    }

    pub(crate) fn all(&self) -> usize {
        self.before + self.during + self.after
    }

    /// Whether there must be more: up to `total`, or up to twenty times as many where the two threads have hardly run at the same
    /// time, or the aim was lost, as on a machine with much else to do.
    pub(crate) fn want_more(&self, total: usize) -> bool {
        let (all, part) = (self.all(), self.part());
        let aimed = self.before > part && self.after > part;
        all < total || all < 20 * total && !(self.met() && aimed)
    }

    /// How often each side is met at the least.
    fn part(&self) -> usize {
        self.all() / 1_000
    }

    fn met(&self) -> bool {
        // On one processor a thread would have to be stopped in that very moment.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        processors == 1 || self.during > 0 || !self.ran_side_by_side()
    }

    /// Whether the two threads, which spin all the time, had a processor each for most of it. Where others use them, the two hardly ever run
    /// at the same time, and so do not meet.
    fn ran_side_by_side(&self) -> bool {
        self.began.is_none_or(|(began, time_then)| {
            processor_time() - time_then > began.elapsed().mul_f64(1.6)
        })
    }

    /// Whether the aim was good: each of the two sides has a thousandth of all at the least, and some are in neither. It is much
    /// better where each thread has a processor.
    #[track_caller]
    pub(crate) fn check(&self, one_side: usize, other_side: usize) {
        let part = self.part();
        assert!(
            one_side > part && other_side > part,
            "beside the moment: {self}"
        );
        assert!(self.met(), "never in it: {self}");
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            before,
            during,
            after,
            ..
        } = self;
        write!(
            f,
            "{} in all: {before} before the timer fired, {during} while, {after} after",
            self.all()
        )
    }
}
