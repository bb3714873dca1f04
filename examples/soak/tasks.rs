//! A million tasks that are always alive. Each waits at a gate of its own, and ends when that is opened, by a task or by a thread that is not of
//! the runtime, or is aborted; then another is planted in its place.

use crate::random::Random;
use crate::tally::{Tally, count, lock};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::{AbortHandle, Handle, sleep, spawn_blocking, yield_now};

pub(crate) const TASKS: usize = 1_000_000;
const FIELDS: usize = 4;
/// How many gates of a field are opened each ten milliseconds by a task, and each five by a thread.
const OPENED: (usize, usize) = (10, 1);
/// One in so many is aborted instead.
const ABORTED: usize = 8;

#[derive(Default)]
struct Gate {
    /// When it was opened, in nanoseconds since the epoch of the run. 0: it is shut.
    opened: u64,
    waker: Option<Waker>,
    task: Option<AbortHandle>,
}

struct Field {
    tally: Arc<Tally>,
    gates: Box<[Mutex<Gate>]>,
    /// Whose tasks are gone.
    bare: Mutex<Vec<u32>>,
    alive: AtomicUsize,
    ended: Arc<AtomicU64>,
    aborted: Arc<AtomicU64>,
}

/// A task's place in a field, which is bare when the task is gone, however it went.
struct Place {
    field: Arc<Field>,
    index: u32,
    ended: bool,
}

impl Place {
    fn goes_through(&mut self) {
        self.ended = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let field = &self.field;
        count(if self.ended {
            &field.ended
        } else {
            &field.aborted
        });
        field.alive.fetch_sub(1, Ordering::SeqCst);
        lock(&field.bare).push(self.index);
    }
}

impl Field {
    fn new(tally: &Arc<Tally>) -> Arc<Self> {
        let size = TASKS / FIELDS;
        Arc::new(Self {
            tally: Arc::clone(tally),
            gates: (0..size).map(|_| Mutex::default()).collect(),
            bare: Mutex::new(Vec::with_capacity(size)),
            alive: AtomicUsize::new(0),
            ended: tally.watched("tasks that waited at a gate, and went through"),
            aborted: tally.watched("tasks that were aborted at their gate"),
        })
    }

    fn plant(self: &Arc<Self>, index: u32) {
        self.alive.fetch_add(1, Ordering::SeqCst);
        // What is dropped with it is, with no lock held.
        let old = std::mem::take(&mut *lock(&self.gates[index as usize]));
        drop(old);
        let mut place = Place {
            field: Arc::clone(self),
            index,
            ended: false,
        };
        let task = waterwheel::spawn(async move {
            poll_fn(|cx| place.field.poll(place.index, cx)).await;
            place.goes_through();
        });
        lock(&self.gates[index as usize]).task = Some(task.abort_handle());
    }

    fn poll(&self, index: u32, cx: &Context<'_>) -> Poll<()> {
        let mut gate = lock(&self.gates[index as usize]);
        if gate.opened > 0 {
            self.tally.wakes.add(self.tally.now() - gate.opened);
            return Poll::Ready(());
        }
        gate.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Opens a gate, if it is shut.
    fn open(&self, index: usize) {
        let mut gate = lock(&self.gates[index]);
        if gate.opened == 0 {
            gate.opened = self.tally.now();
        }
        let waker = gate.waker.take();
        drop(gate);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn abort(&self, index: usize) {
        let task = lock(&self.gates[index]).task.clone();
        if let Some(task) = task {
            task.abort();
        }
    }
}

pub(crate) async fn run(tally: Arc<Tally>) {
    let fields: Vec<_> = (0..FIELDS).map(|_| Field::new(&tally)).collect();
    let foreign = {
        let (tally, fields, runtime) = (Arc::clone(&tally), fields.clone(), Handle::current());
        thread::spawn(move || open_from_outside(&tally, &fields, &runtime))
    };
    let keepers: Vec<_> = (0..)
        .zip(fields)
        .map(|(number, field)| waterwheel::spawn(keep(field, number)))
        .collect();
    for keeper in keepers {
        keeper.await.expect("no panic");
    }
    spawn_blocking(|| foreign.join().expect("no panic"))
        .await
        .expect("no panic");
}

/// Keeps a field planted until the run is over; then clears it.
async fn keep(field: Arc<Field>, number: u64) {
    let mut random = Random::new(field.tally.seed, "tasks", number);
    let size = field.gates.len();
    for index in 0..size {
        field.plant(index as u32);
        if index % 256 == 0 {
            yield_now().await;
        }
    }
    let mut bare = Vec::with_capacity(size);
    while !field.tally.is_over() {
        for _ in 0..OPENED.0 {
            let index = random.below(size);
            if random.once_in(ABORTED) {
                field.abort(index);
            } else {
                field.open(index);
            }
        }
        sleep(Duration::from_millis(10)).await;
        std::mem::swap(&mut *lock(&field.bare), &mut bare);
        for index in bare.drain(..) {
            field.plant(index);
        }
    }
    for index in 0..size {
        field.open(index);
        if index % 256 == 0 {
            yield_now().await;
        }
    }
    let began = Instant::now();
    while field.alive.load(Ordering::SeqCst) > 0 && began.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5)).await;
    }
    let left = field.alive.load(Ordering::SeqCst);
    let tally = &field.tally;
    tally.check(left == 0, format_args!("{left} tasks are left at gates"));
}

/// What a thread does that knows of the runtime only by a handle: wakes tasks, and spawns some.
fn open_from_outside(tally: &Tally, fields: &[Arc<Field>], runtime: &Handle) {
    let mut random = Random::new(tally.seed, "outside", 0);
    let spawned = tally.watched("tasks spawned from outside");
    let opened = tally.watched("gates opened from outside");
    let (sender, receiver) = mpsc::channel();
    while !tally.is_over() {
        for field in fields {
            for _ in 0..OPENED.1 {
                field.open(random.below(field.gates.len()));
                count(&opened);
            }
        }
        let (sender, word) = (sender.clone(), random.next());
        runtime.spawn(async move { sender.send(word) });
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(answer) => tally.check(answer == word, "a wrong answer from a task"),
            Err(_) => tally.fault("a task that was spawned from outside has not run"),
        }
        count(&spawned);
        thread::sleep(Duration::from_millis(5));
    }
}
