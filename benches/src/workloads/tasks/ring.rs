//! Tasks that pass a token round, each waking the next: the way from a wake to the poll, with no channel between. Two of them play
//! ping-pong.
//!
//! A waker is stored once and stays good for the life of its task, and the token is a number: a pass costs a load, a store and a wake,
//! without a lock or a locked instruction of the workload's own. Nobody passes before all have stored their wakers.

use super::{Bound, Described, Part, Workload, timed};
use crate::countdown::Countdown;
use crate::runtimes::Tasks;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// In all.
const PASSES: u32 = 30_000;

/// Of so many tasks.
pub(crate) struct Ring<const TASKS: u32>;

impl<const TASKS: u32> Described for Ring<TASKS> {
    const WHAT: &'static str = if TASKS == 2 {
        "two tasks wake each other, 30,000 times in all"
    } else {
        "300 tasks in a ring, each waking the next, 30,000 times in all"
    };
    const OPERATIONS: u32 = PASSES;
    const ON_THREAD: Part = if TASKS == 2 {
        Part {
            name: "ping_pong_waker",
            bounds: &[
                Bound::Ratio("tokio LocalSet", 0.8),
                Bound::Ratio("tokio", 0.5),
            ],
        }
    } else {
        Part {
            name: "ring",
            bounds: &[],
        }
    };
    const ON_WORKERS: Part = if TASKS == 2 {
        Part {
            name: "ping_pong_waker_2",
            bounds: &[Bound::Ratio("tokio", 0.6)],
        }
    } else {
        Part {
            name: "ring_2",
            bounds: &[],
        }
    };
}

impl<const TASKS: u32, R: Tasks> Workload<R> for Ring<TASKS> {
    async fn measure(iterations: u32) -> Duration {
        timed(iterations, iteration::<R, TASKS>).await
    }
}

async fn iteration<R: Tasks, const TASKS: u32>() {
    let (countdown, finished) = Countdown::new(PASSES as usize);
    R::detach(R::spawn(async move {
        let token = Arc::new(Token::new(TASKS));
        for place in 0..TASKS {
            let (token, countdown) = (Arc::clone(&token), Arc::clone(&countdown));
            R::detach(R::spawn(async move {
                poll_fn(|cx| token.poll_enter(place, cx)).await;
                let turns = (place..PASSES).step_by(TASKS as usize);
                let passes = turns.len();
                for turn in turns {
                    poll_fn(|_| token.poll_turn(turn)).await;
                    token.pass(turn + 1);
                }
                countdown.done(passes);
            }));
        }
    }));
    finished.await.expect("the token makes all of its rounds");
}

/// What is passed, and by whom.
struct Token {
    /// Whose turn it is: so many passes have been made.
    turn: AtomicU32,
    absent: AtomicU32,
    wakers: Vec<OnceLock<Waker>>,
}

/// Before the first turn.
const NOBODY: u32 = u32::MAX;

impl Token {
    fn new(tasks: u32) -> Self {
        Self {
            turn: AtomicU32::new(NOBODY),
            absent: AtomicU32::new(tasks),
            wakers: (0..tasks).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Stores the waker of a task. The last to come gives the first its turn.
    fn poll_enter(&self, place: u32, cx: &Context<'_>) -> Poll<()> {
        let first = self.wakers[place as usize].set(cx.waker().clone());
        first.expect("each task has its own place");
        if self.absent.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.pass(0);
        }
        Poll::Ready(())
    }

    fn poll_turn(&self, turn: u32) -> Poll<()> {
        match self.turn.load(Ordering::Acquire) {
            now if now == turn => Poll::Ready(()),
            now => {
                assert!(now == NOBODY || now < turn, "a turn was taken by another");
                Poll::Pending
            }
        }
    }

    /// Makes it this turn, and wakes whose that is. After the last there is nobody who waits.
    fn pass(&self, turn: u32) {
        self.turn.store(turn, Ordering::Release);
        if turn < PASSES {
            let next = turn as usize % self.wakers.len();
            self.wakers[next]
                .get()
                .expect("all are there")
                .wake_by_ref();
        }
    }
}
