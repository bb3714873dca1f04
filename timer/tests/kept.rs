//! The kept entry: what a dropped sleep leaves in the wheel, the next sleep of the same task takes over, and
//! nobody else; and it is gone by the thread's next turn or wait.
//!
//! Whether an entry was taken over shows in the wakers: each entry of a wheel holds one clone.

mod common;

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use common::{Counter, Owner, Random, poll_once};
use waterwheel_timer::{Enter, Sleep, Timers, sleep, sleep_until, timeout};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A task: counts its wakes, and the entries that hold its waker.
struct Task {
    counter: Arc<Counter>,
    waker: Waker,
}

impl Task {
    fn new() -> Self {
        let counter = Counter::new();
        let waker = counter.clone().into();
        Task { counter, waker }
    }

    fn wakes(&self) -> usize {
        self.counter.count()
    }

    /// The wheels' entries that hold its waker. Touches no timers, so that nothing is released by it.
    fn entries(&self) -> usize {
        Arc::strong_count(&self.counter) - 2
    }

    /// A sleep of this task that is filed.
    fn pending(&self, deadline: Instant) -> Sleep {
        let mut sleep = sleep_until(deadline);
        assert!(poll_once(&mut sleep, &self.waker).is_pending());
        sleep
    }

    /// Leaves a kept entry.
    fn leave(&self, deadline: Instant) {
        drop(self.pending(deadline));
        assert_eq!(self.entries(), 1, "kept");
    }
}

fn in_an_hour() -> Instant {
    Instant::now() + HOUR
}

// Who takes it over.

#[test]
fn the_task_s_next_timer_takes_it_over_if_it_is_due_no_earlier() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let filed = in_an_hour();
    let mut deadline = filed;
    for later in [HOUR, Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        task.leave(deadline);
        deadline = deadline.checked_add(later).unwrap_or(deadline + 500 * HOUR);
        let next = task.pending(deadline);
        assert_eq!(task.entries(), 1, "one entry for both");
        assert_eq!(owner.timers.len(), 1);
        assert_eq!(
            owner.timers.next_deadline(),
            Some(filed),
            "where it was filed first"
        );
        drop(next);
    }
    assert_eq!(owner.timers.len(), 0);
    assert_eq!(task.wakes(), 0);
}

#[test]
fn a_timeout_around_each_of_many_reads_files_once() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    for _ in 0..1_000 {
        let mut read = Box::pin(timeout(HOUR, std::future::pending::<()>()));
        assert!(poll_once(&mut read, &task.waker).is_pending());
        assert_eq!(task.entries(), 1);
    }
    assert_eq!(owner.timers.len(), 0);
}

#[test]
fn another_task_does_not() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let (one, other) = (Task::new(), Task::new());
    let deadline = in_an_hour();
    one.leave(deadline);
    let _its_own = other.pending(deadline);
    assert_eq!((one.entries(), other.entries()), (1, 1));
    let _taken_over = one.pending(deadline);
    assert_eq!(one.entries(), 1, "refused to one, it is there for the next");
    assert_eq!(owner.timers.len(), 2);
}

#[test]
fn an_earlier_timer_does_not() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let deadline = in_an_hour();
    task.leave(deadline);
    let earlier = task.pending(deadline - Duration::from_nanos(1));
    assert_eq!(task.entries(), 2);
    assert_eq!(owner.timers.next_deadline(), Some(earlier.deadline()));
    assert_eq!(task.entries(), 1);
}

#[test]
fn a_timer_earlier_than_what_is_kept_now_does_not() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let deadline = in_an_hour();
    task.leave(deadline);
    assert_eq!(owner.timers.turn(), 0);
    task.leave(deadline + 2 * HOUR);
    let _between = task.pending(deadline + HOUR);
    assert_eq!(task.entries(), 2);
}

/// What counts is the deadline that its last owner wanted: filed under an earlier one or not.
#[test]
fn a_timer_earlier_than_a_later_reset_does_not() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let filed = in_an_hour();
    let mut moved = task.pending(filed);
    moved.reset(filed + HOUR);
    drop(moved);
    let _between = task.pending(filed + HOUR / 2);
    assert_eq!(task.entries(), 2);
    assert_eq!(owner.timers.len(), 1);
}

#[test]
fn never_is_taken_over_as_any_other_and_can_be_hastened() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let mut first = sleep(Duration::MAX);
    assert!(poll_once(&mut first, &task.waker).is_pending());
    drop(first);
    let mut never = sleep(Duration::MAX);
    assert!(poll_once(&mut never, &task.waker).is_pending());
    assert_eq!(task.entries(), 1);
    assert_eq!(owner.timers.next_deadline(), None);
    never.reset(Instant::now());
    owner.turn_until(|| task.wakes() == 1);
    assert!(poll_once(&mut never, &task.waker).is_ready());
}

// What becomes of the timer that took it over.

#[test]
fn a_timer_that_took_it_over_fires_and_not_early() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let first = Instant::now() + Duration::from_millis(2);
    task.leave(first);
    let mut next = task.pending(first + Duration::from_millis(3));
    assert_eq!(owner.timers.next_deadline(), Some(first));
    owner.turn_until(|| task.wakes() == 1);
    while poll_once(&mut next, &task.waker).is_pending() {
        assert_eq!(
            owner.timers.next_deadline(),
            Some(next.deadline()),
            "filed anew"
        );
        let seen = task.wakes();
        owner.turn_until(|| task.wakes() > seen);
    }
    assert!(Instant::now() >= next.deadline());
    assert!(task.wakes() <= 2);
}

#[test]
fn its_deadline_is_moved_as_any_other() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let filed = in_an_hour();
    task.leave(filed);
    let mut next = task.pending(filed + 2 * HOUR);
    next.reset(filed + HOUR);
    assert_eq!(owner.timers.next_deadline(), Some(filed), "not before that");
    next.reset(filed - HOUR / 2);
    assert_eq!(owner.timers.next_deadline(), Some(next.deadline()));
    next.reset(Instant::now());
    owner.turn_until(|| task.wakes() == 1);
    assert!(poll_once(&mut next, &task.waker).is_ready());
}

/// It is due already, and no turn has been taken: it fires in the next one, and is filed anew.
#[test]
fn one_that_is_due_is_taken_over() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let mut due = sleep(Duration::from_nanos(1));
    assert!(poll_once(&mut due, &task.waker).is_pending());
    drop(due);
    let mut next = task.pending(in_an_hour());
    assert_eq!(task.entries(), 1);
    assert_eq!(owner.timers.turn(), 1);
    assert!(poll_once(&mut next, &task.waker).is_pending());
    assert_eq!(owner.timers.next_deadline(), Some(next.deadline()));
}

/// Taken over, it is moved to another task and to another runtime as any other.
#[test]
fn another_task_may_poll_what_took_it_over() {
    let (first, second) = (Owner::new(), Owner::new());
    let (one, other) = (Task::new(), Task::new());
    let enter = first.timers.enter();
    one.leave(in_an_hour());
    let mut next = one.pending(in_an_hour());
    drop(enter);
    let _enter = second.timers.enter();
    assert!(poll_once(&mut next, &other.waker).is_pending());
    assert_eq!((one.entries(), other.entries()), (0, 1));
    assert_eq!((first.timers.len(), second.timers.len()), (0, 1));
}

#[test]
fn to_take_it_over_unparks_nobody() {
    let unparked = Counter::new();
    let timers = Arc::new(Timers::new(unparked.clone().into()));
    let _enter = timers.enter();
    let task = Task::new();
    for _ in 0..10 {
        task.leave(in_an_hour());
    }
    assert_eq!(timers.len(), 0);
    assert_eq!(unparked.count(), 0);
}

// How long it is kept.

#[test]
fn it_is_let_go_by_the_next_turn_or_wait_and_by_whoever_counts() {
    type Release = fn(&Timers);
    let releases: [(&str, Release); 5] = [
        ("next_deadline", |timers| {
            assert_eq!(timers.next_deadline(), None);
        }),
        ("turn", |timers| assert_eq!(timers.turn(), 0)),
        ("len", |timers| assert_eq!(timers.len(), 0)),
        ("has_pending", |timers| assert!(!timers.has_pending())),
        ("close", |timers| timers.close()),
    ];
    for (call, release) in releases {
        let owner = Owner::new();
        let _enter = owner.timers.enter();
        let task = Task::new();
        task.leave(in_an_hour());
        release(&owner.timers);
        assert_eq!(task.entries(), 0, "{call}");
        assert_eq!(task.wakes(), 0, "{call}: it was cancelled");
        assert_eq!(Arc::strong_count(&owner.timers), 2, "{call}");
    }
}

#[test]
fn to_print_the_timers_lets_nothing_go() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    task.leave(in_an_hour());
    assert!(format!("{:?}", owner.timers).contains("next_deadline: Some"));
    assert_eq!(
        task.entries(),
        1,
        "user code runs only in calls that say so"
    );
}

#[test]
fn it_is_let_go_when_timers_are_entered_and_left() {
    let (outer, inner) = (Owner::new(), Owner::new());
    let task = Task::new();
    let enter_outer = outer.timers.enter();
    task.leave(in_an_hour());
    let enter_inner = inner.timers.enter();
    assert_eq!(task.entries(), 0, "entered others");
    task.leave(in_an_hour());
    drop(enter_inner);
    assert_eq!(task.entries(), 0, "left them");
    assert_eq!(Arc::strong_count(&inner.timers), 1);
    task.leave(in_an_hour());
    drop(enter_outer);
    assert_eq!(task.entries(), 0, "left all");
    assert_eq!(Arc::strong_count(&outer.timers), 1);
}

#[test]
fn only_one_is_kept_and_only_of_the_timers_entered_last() {
    let (outer, inner) = (Owner::new(), Owner::new());
    let (one, other) = (Task::new(), Task::new());
    let _enter_outer = outer.timers.enter();
    let (first, second, outers) = (
        one.pending(in_an_hour()),
        other.pending(in_an_hour()),
        one.pending(in_an_hour()),
    );
    drop(first);
    drop(second);
    assert_eq!((one.entries(), other.entries()), (1, 1), "displaced");
    let _enter_inner = inner.timers.enter();
    let inners = one.pending(in_an_hour());
    drop(outers);
    assert_eq!((one.entries(), other.entries()), (1, 0), "gone at once");
    thread::spawn(move || drop(inners)).join().unwrap();
    assert_eq!(one.entries(), 0, "gone at once");
}

/// Cancelled timers stay in the wheel until due (tokio#8252).
#[test]
fn cancelled_timers_do_not_pile_up() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let tasks: Vec<_> = (0..100).map(|_| Task::new()).collect();
    let alone = Task::new();
    for n in 0..10_000 {
        let mut sleep = sleep(HOUR);
        assert!(poll_once(&mut sleep, &tasks[n % 100].waker).is_pending());
        drop(sleep);
        let filed: usize = tasks.iter().map(Task::entries).sum();
        assert_eq!(filed, 1, "the one that is kept");
    }
    let crowd: Vec<_> = (0..10_000).map(|_| alone.pending(in_an_hour())).collect();
    drop(crowd);
    assert_eq!(alone.entries(), 1);
    assert_eq!(owner.timers.len(), 0);
    assert_eq!(owner.timers.next_deadline(), None);
    assert_eq!(Arc::strong_count(&owner.timers), 2);
}

#[test]
fn nothing_is_left_of_a_thread_that_ends() {
    thread_local! {
        // Declared in the order of their destruction: the sleep is dropped while the timers are entered.
        static LAST: RefCell<Option<(Sleep, Enter)>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<Sleep>> = const { RefCell::new(None) };
    }
    let owner = Owner::new();
    let task = Task::new();
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let enter = owner.timers.enter();
                LATER.set(Some(task.pending(in_an_hour())));
                LAST.set(Some((task.pending(in_an_hour()), enter)));
                drop(task.pending(in_an_hour()));
            })
            .join()
            .unwrap();
    });
    assert_eq!(task.entries(), 0);
    assert_eq!(owner.timers.len(), 0);
    assert_eq!(Arc::strong_count(&owner.timers), 1);
}

// Other threads.

#[test]
fn one_that_another_thread_has_fired_is_not_taken_over() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let mut first = sleep(Duration::from_nanos(1));
    assert!(poll_once(&mut first, &task.waker).is_pending());
    drop(first);
    let fired = thread::scope(|scope| scope.spawn(|| owner.timers.turn()).join().unwrap());
    assert_eq!((fired, task.wakes()), (1, 1));
    let mut next = task.pending(Instant::now() + Duration::from_millis(1));
    assert_eq!(task.entries(), 1, "an entry of its own");
    owner.turn_until(|| task.wakes() == 2);
    assert!(poll_once(&mut next, &task.waker).is_ready());
}

#[test]
fn one_that_another_thread_has_closed_is_not_taken_over() {
    let owner = Owner::new();
    let enter = owner.timers.enter();
    let task = Task::new();
    task.leave(in_an_hour());
    thread::scope(|scope| {
        scope.spawn(|| owner.timers.close());
    });
    assert_eq!((task.wakes(), task.entries()), (1, 0));
    let mut next = task.pending(Instant::now() + Duration::from_millis(1));
    assert_eq!(task.entries(), 0, "closed timers take nothing");
    drop(enter);
    assert_eq!(Arc::strong_count(&owner.timers), 1);
    Owner::new().block_on(&mut next);
}

/// Another thread turns the timers all the time, so that the entry fires before, while and after it is kept
/// and taken over. A task that is not woken again would wait for ever.
#[test]
fn no_wake_is_lost_while_another_thread_turns() {
    const ROUNDS: usize = 150_000;
    const LONG: Duration = Duration::from_secs(60);
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let done = AtomicBool::new(false);
    let mut random = Random(7);
    let (mut kept, mut fired) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if owner.timers.turn() == 0 {
                    thread::yield_now();
                }
            }
        });
        for round in 0..ROUNDS {
            let mut first = sleep(Duration::from_nanos(1 + random.below(1_500)));
            assert!(poll_once(&mut first, &task.waker).is_pending());
            let deadline = first.deadline() + Duration::from_nanos(random.below(1_500));
            drop(first);
            match random.below(20) {
                0 => thread::yield_now(),
                spins => (0..spins).for_each(|_| std::hint::spin_loop()),
            }
            match task.entries() {
                0 => fired += 1,
                _ => kept += 1,
            }
            let mut next = sleep_until(deadline);
            loop {
                let seen = task.wakes();
                if poll_once(&mut next, &task.waker).is_ready() {
                    break;
                }
                let start = Instant::now();
                while task.wakes() == seen {
                    if start.elapsed() > LONG {
                        done.store(true, Ordering::Relaxed);
                        panic!("seed 7, round {round}: a wake is lost");
                    }
                    thread::yield_now();
                }
            }
            assert!(Instant::now() >= deadline, "seed 7, round {round}: early");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(kept > 0 && fired > 0, "both must be met");
    assert_eq!(owner.timers.len(), 0);
    assert_eq!(task.entries(), 0);
    assert_eq!(Arc::strong_count(&owner.timers), 2);
}

// Its waker is foreign code.

/// A waker that drops a sleep when it is dropped itself, as that of a task that owns one.
#[expect(dead_code, reason = "held to be dropped")]
struct Owning(Sleep);

impl Owning {
    fn waker(sleep: Sleep) -> Waker {
        Arc::new(Owning(sleep)).into()
    }
}

impl Wake for Owning {
    fn wake(self: Arc<Self>) {}
}

/// Leaves a kept entry whose waker owns a pending sleep of the task.
fn leave_owning(task: &Task) {
    let owned = task.pending(in_an_hour());
    let mut outer = sleep(HOUR);
    assert!(poll_once(&mut outer, &Owning::waker(owned)).is_pending());
    drop(outer);
}

#[test]
fn what_its_waker_cancels_is_not_kept_beyond_a_turn() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    leave_owning(&task);
    assert_eq!(task.entries(), 1);
    assert_eq!(owner.timers.next_deadline(), None);
    assert_eq!(task.entries(), 0);
}

/// A chain of any length is let go, each link as the one before it is dropped.
#[test]
fn a_chain_of_wakers_is_let_go_to_its_end() {
    let owner = Owner::new();
    let _enter = owner.timers.enter();
    let task = Task::new();
    let mut link = task.pending(in_an_hour());
    for _ in 0..10_000 {
        let mut outer = sleep(HOUR);
        assert!(poll_once(&mut outer, &Owning::waker(link)).is_pending());
        link = outer;
    }
    drop(link);
    assert_eq!(owner.timers.len(), 0);
    assert_eq!(task.entries(), 0);
}

#[test]
fn what_its_waker_cancels_is_not_kept_when_the_timers_are_left() {
    let owner = Owner::new();
    let task = Task::new();
    let enter = owner.timers.enter();
    leave_owning(&task);
    drop(enter);
    assert_eq!(task.entries(), 0);
    assert_eq!(Arc::strong_count(&owner.timers), 1);
}

/// Taken over from there, it would wait in a wheel that the thread does not turn.
#[test]
fn what_its_waker_cancels_is_not_taken_over_into_other_timers() {
    let (outer, inner) = (Owner::new(), Owner::new());
    let task = Task::new();
    let _enter_outer = outer.timers.enter();
    leave_owning(&task);
    let _enter_inner = inner.timers.enter();
    assert_eq!(task.entries(), 0);
    let mut next = task.pending(Instant::now() + 2 * HOUR);
    assert_eq!((outer.timers.len(), inner.timers.len()), (0, 1));
    next.reset(Instant::now());
    inner.turn_until(|| task.wakes() == 1);
    assert_eq!(poll_once(&mut next, &task.waker), Poll::Ready(()));
}

/// It would end in a task, a guard or a thread's turn that has nothing to do with it.
#[test]
fn a_panic_of_its_waker_goes_no_further() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose: a waker's destructor panics");
        }
    }
    fn leave_bomb() {
        let mut sleep = sleep(HOUR);
        assert!(poll_once(&mut sleep, &Arc::new(Bomb).into()).is_pending());
    }

    let (owner, other) = (Owner::new(), Owner::new());
    let enter = owner.timers.enter();
    let task = Task::new();
    leave_bomb();
    assert_eq!(owner.timers.turn(), 0);
    leave_bomb();
    assert_eq!(owner.timers.next_deadline(), None);
    leave_bomb();
    task.leave(in_an_hour()); // displaces it
    leave_bomb();
    let enter_other = other.timers.enter();
    leave_bomb();
    drop(enter_other);
    assert!(Timers::current().is_some_and(|current| Arc::ptr_eq(&current, &owner.timers)));
    leave_bomb();
    drop(enter);
    assert!(Timers::current().is_none());
    assert_eq!(Arc::strong_count(&owner.timers), 1);
}
