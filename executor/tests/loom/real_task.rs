//! A runtime around the crate's own tasks, with as little in it as they need; and what a user brings along, which is watched.

use crate::task::cell::allocate;
use crate::task::header::{Kind, release};
use crate::task::schedule::Schedule;
use crate::task::snapshot::Shutdown;
use loom::cell::UnsafeCell;
use shared::{Binding, Shared};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

type AbortHandle = crate::task::abort_handle::AbortHandle<Binding>;
pub(crate) type JoinHandle<T> = crate::task::join_handle::JoinHandle<T, Binding>;
type Task = crate::task::task::Task<Binding>;
type TaskPtr = crate::task::header::TaskPtr<Binding>;

/// The primitives of the crate.
pub(crate) mod sync {
    use super::Place;
    use crate::atomic;
    use loom::sync::MutexGuard;

    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::Ordering;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    /// Loom's, and the memory around it: to use it is to look at that, to drop it is to write there.
    pub(crate) struct AtomicUsize {
        word: atomic::AtomicUsize,
        memory: Place,
    }

    impl AtomicUsize {
        pub(crate) fn new(value: usize) -> Self {
            Self {
                word: atomic::AtomicUsize::new(value),
                memory: Place::new(),
            }
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            self.memory.look();
            self.word.load(order)
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: usize,
            new: usize,
            success: Ordering,
            failure: Ordering,
        ) -> Result<usize, usize> {
            self.memory.look();
            self.word
                .compare_exchange_weak(current, new, success, failure)
        }

        pub(crate) fn fetch_add(&self, more: usize, order: Ordering) -> usize {
            self.memory.look();
            self.word.fetch_add(more, order)
        }

        pub(crate) fn fetch_sub(&self, less: usize, order: Ordering) -> usize {
            self.memory.look();
            self.word.fetch_sub(less, order)
        }
    }

    impl Drop for AtomicUsize {
        fn drop(&mut self) {
            self.memory.change();
        }
    }
}

pub(crate) mod shared {
    use super::sync::{Mutex, lock};
    use crate::list::TaskQueue;
    use crate::task::header::Header;
    use crate::task::id::Id;
    use crate::task::memory::Blocks;
    use crate::task::owned::{OwnedTasks, Shards};
    use crate::task::schedule::Schedule;
    use crate::task::task::Task;
    use crate::task::waker;
    use std::any::Any;
    use std::sync::Arc;
    use std::task::RawWakerVTable;

    type PanicHook = Arc<dyn Fn() + Send + Sync>;

    /// A scheduler as small as a task lets it be: a list and a queue. No task of it is pinned, is a job or has a name, and nobody forks.
    pub(crate) struct Shared {
        pub(crate) owned: Shards<Binding>,
        queue: Mutex<TaskQueue<Binding>>,
        panicked: PanicHook,
    }

    /// What a task knows of it.
    pub(crate) struct Binding(pub(super) Arc<Shared>);

    static WAKER_VTABLE: RawWakerVTable = waker::vtable::<Binding>();

    impl Schedule for Binding {
        fn schedule(task: Task<Self>) {
            let shared = Arc::clone(&task.header().scheduler.0);
            lock(&shared.queue).push(task);
        }

        fn reschedule(task: Task<Self>) {
            Self::schedule(task);
        }

        fn owner(&self, id: Id) -> &OwnedTasks<Self> {
            self.0.owned.of(id)
        }

        fn panicked(&self, _: &Header<Self>, _: &(dyn Any + Send)) {
            (self.0.panicked)();
        }

        fn abort_job(&self, _: &Header<Self>) {
            unreachable!("no task of a model is a job")
        }

        fn name(&self, _: Id) -> Option<String> {
            unreachable!("no task of a model has a name")
        }

        fn forget_name(&self, _: Id) {
            unreachable!("no task of a model has a name")
        }

        fn assert_runs(&self) {}

        fn waker_vtable() -> &'static RawWakerVTable {
            &WAKER_VTABLE
        }

        /// No thread of a model keeps tasks' memory.
        unsafe fn blocks<'a>() -> Option<&'a Blocks> {
            None
        }
    }

    impl Shared {
        pub(super) fn new(panicked: PanicHook) -> Arc<Self> {
            Arc::new(Self {
                owned: Shards::new(1),
                queue: Mutex::new(TaskQueue::new()),
                panicked,
            })
        }

        pub(super) fn pop(&self) -> Option<Task<Binding>> {
            lock(&self.queue).pop()
        }

        pub(super) fn queued(&self) -> usize {
            lock(&self.queue).len()
        }
    }
}

/// What loom watches: who looks here must have synchronized with who changed it before, and who changes it with all.
pub(crate) struct Place(UnsafeCell<()>);

impl Place {
    fn new() -> Self {
        let place = Self(UnsafeCell::new(()));
        place.change();
        place
    }

    fn look(&self) {
        self.0.with(|_| ());
    }

    fn change(&self) {
        self.0.with_mut(|_| ());
    }
}

/// The model's own books, which are not loom's: to keep them adds nothing to what is explored.
#[derive(Default)]
struct Books {
    futures: AtomicUsize,
    futures_dropped: AtomicUsize,
    /// Of these, the one that the model is about.
    first_dropped: AtomicUsize,
    outputs: AtomicUsize,
    delivered: AtomicUsize,
    outputs_dropped: AtomicUsize,
    wakers: AtomicUsize,
    wakers_gone: AtomicUsize,
    panicked: AtomicBool,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

fn get(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

/// Where the task is when the threads begin, and what it does then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// It is queued; else it waits.
    pub(crate) queued: bool,
    /// It ends when it is polled next; else it waits on.
    pub(crate) ends: bool,
}

/// The future of a user. It waits when it is polled first, and leaves wakers then.
struct Program {
    place: Place,
    plan: Plan,
    polls: usize,
    /// It is not the task that the model is about, and ends when it is polled.
    another: bool,
    world: Arc<Outside>,
}

/// What the program shares with the threads.
struct Outside {
    books: Books,
    /// What is changed before a wake, and looked at in a poll: all order is that of the task's word.
    changes: loom::sync::atomic::AtomicUsize,
    seen: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

/// How many wakers the program leaves: one for each thread.
const WAKERS: usize = 2;

impl Future for Program {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.place.change();
        self.polls += 1;
        let world = Arc::clone(&self.world);
        if !self.another {
            let seen = world.changes.load(loom::sync::atomic::Ordering::Relaxed);
            world.seen.store(seen, Ordering::SeqCst);
        }
        if self.polls == 1 && !self.another {
            let wakers = (0..WAKERS).map(|_| cx.waker().clone());
            world.wakers.lock().unwrap().extend(wakers);
            if self.plan.queued {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if self.plan.ends || self.another {
            count(&world.books.outputs);
            Poll::Ready(Output {
                place: Place::new(),
                delivered: false,
                world,
            })
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Others may come between: to look at a place is no step of its own to loom, and to load an atomic is.
        self.world
            .changes
            .load(loom::sync::atomic::Ordering::Relaxed);
        // What panics here is caught by the harness, and not counted.
        self.place.change();
        count(&self.world.books.futures_dropped);
        if !self.another {
            count(&self.world.books.first_dropped);
        }
    }
}

pub(crate) struct Output {
    place: Place,
    delivered: bool,
    world: Arc<Outside>,
}

impl Output {
    fn deliver(mut self) {
        self.place.change();
        self.delivered = true;
        count(&self.world.books.delivered);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.place.change();
        if !self.delivered {
            count(&self.world.books.outputs_dropped);
        }
    }
}

/// The waker of who awaits the task. Each clone has a place of its own.
struct Bell {
    place: Place,
    rung: Arc<AtomicBool>,
    world: Arc<Outside>,
}

static BELL: RawWakerVTable = RawWakerVTable::new(
    |data| unsafe { &*data.cast::<Bell>() }.again(),
    |data| unsafe { Box::from_raw(data.cast::<Bell>().cast_mut()) }.ring(),
    |data| unsafe { &*data.cast::<Bell>() }.ring(),
    |data| drop(unsafe { Box::from_raw(data.cast::<Bell>().cast_mut()) }),
);

impl Bell {
    fn waker(rung: &Arc<AtomicBool>, world: &Arc<Outside>) -> Waker {
        unsafe { Waker::from_raw(Self::raw(rung, world)) }
    }

    fn raw(rung: &Arc<AtomicBool>, world: &Arc<Outside>) -> RawWaker {
        count(&world.books.wakers);
        let bell = Box::new(Self {
            place: Place::new(),
            rung: Arc::clone(rung),
            world: Arc::clone(world),
        });
        RawWaker::new(Box::into_raw(bell).cast_const().cast(), &BELL)
    }

    fn again(&self) -> RawWaker {
        self.place.look();
        Self::raw(&self.rung, &self.world)
    }

    fn ring(&self) {
        self.place.change();
        self.rung.store(true, Ordering::SeqCst);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.place.change();
        count(&self.world.books.wakers_gone);
    }
}

/// A runtime with a task in it, and its user.
pub(crate) struct World {
    shared: Arc<Shared>,
    outside: Arc<Outside>,
    /// A handle that was polled and has not given its output, and whether the last waker that it was given has been woken.
    waiting: Mutex<Option<(JoinHandle<Output>, Arc<AtomicBool>)>>,
    has_ended: AtomicBool,
}

impl World {
    /// A task as the plan says.
    pub(crate) fn new(plan: Plan) -> (Arc<Self>, JoinHandle<Output>) {
        let outside = Arc::new(Outside {
            books: Books::default(),
            changes: loom::sync::atomic::AtomicUsize::new(0),
            seen: AtomicUsize::new(0),
            wakers: Mutex::default(),
        });
        let books = Arc::clone(&outside);
        let shared = Shared::new(Arc::new(move || {
            books.books.panicked.store(true, Ordering::SeqCst);
        }));
        let world = Arc::new(Self {
            shared,
            outside,
            waiting: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let handle = world.adopt(plan, false);
        let task = world.shared.pop().expect("it was spawned");
        unsafe { task.run() };
        assert_eq!(world.shared.queued(), usize::from(plan.queued));
        (world, handle)
    }

    /// Spawns another task.
    pub(crate) fn spawn(&self) -> JoinHandle<Output> {
        let plan = Plan {
            queued: true,
            ends: true,
        };
        self.adopt(plan, true)
    }

    /// As `Shared::spawn`.
    fn adopt(&self, plan: Plan, another: bool) -> JoinHandle<Output> {
        count(&self.outside.books.futures);
        let program = Program {
            place: Place::new(),
            plan,
            polls: 0,
            another,
            world: Arc::clone(&self.outside),
        };
        let scheduler = Binding(Arc::clone(&self.shared));
        let task = allocate(program, scheduler, Location::caller(), Kind::Plain);
        let handle = unsafe { JoinHandle::from_raw(task) };
        let listed = handle.header().owner().insert(task);
        let queued = unsafe { Task::from_raw(task) };
        if listed {
            Binding::schedule(queued);
        } else {
            end(task);
        }
        handle
    }

    pub(crate) fn waker(&self) -> Waker {
        let waker = self.outside.wakers.lock().unwrap().pop();
        waker.expect("one for each thread")
    }

    /// Drops the wakers that no thread has: else none of the threads would be the last to hold the task.
    pub(crate) fn drop_wakers(&self) {
        let wakers = std::mem::take(&mut *self.outside.wakers.lock().unwrap());
        drop(wakers);
    }

    /// Changes what the task looks at.
    pub(crate) fn change(&self) {
        let relaxed = loom::sync::atomic::Ordering::Relaxed;
        self.outside.changes.fetch_add(1, relaxed);
    }

    /// Runs what is queued, until nothing is.
    pub(crate) fn work(&self) {
        while let Some(task) = self.shared.pop() {
            unsafe { task.run() };
        }
    }

    /// Polls a handle with one waker, and if need be with another.
    pub(crate) fn join(&self, mut handle: JoinHandle<Output>) {
        for last in [false, true] {
            let rung = Arc::new(AtomicBool::new(false));
            let waker = Bell::waker(&rung, &self.outside);
            let mut cx = Context::from_waker(&waker);
            match Pin::new(&mut handle).poll(&mut cx) {
                Poll::Ready(Ok(output)) => return output.deliver(),
                Poll::Ready(Err(error)) => return assert!(error.is_cancelled()),
                Poll::Pending if last => {
                    *self.waiting.lock().unwrap() = Some((handle, rung));
                    return;
                }
                Poll::Pending => {}
            }
        }
    }

    /// As `Shared::shut_down`, of the tasks.
    pub(crate) fn shut_down(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        for list in self.shared.owned.iter() {
            list.close();
            while let Some(task) = list.pop() {
                end(task);
            }
        }
    }

    pub(crate) fn dump(&self) -> Vec<AbortHandle> {
        let lists = self.shared.owned.iter();
        lists.flat_map(|list| list.handles()).collect()
    }

    /// When all threads are done: nothing was lost, and then everything goes.
    pub(crate) fn end(&self, handle: Option<JoinHandle<Output>>) {
        let books = &self.outside.books;
        let relaxed = loom::sync::atomic::Ordering::Relaxed;
        let changes = self.outside.changes.load(relaxed);
        assert!(
            get(&books.first_dropped) == 1
                || self.shared.queued() > 0
                || get(&self.outside.seen) == changes,
            "a wake was lost"
        );
        if let Some((handle, rung)) = self.waiting.lock().unwrap().take() {
            assert!(
                !handle.abort_handle().is_finished() || rung.load(Ordering::SeqCst),
                "who awaits was not woken"
            );
        }
        assert!(
            !self.has_ended.load(Ordering::SeqCst) || self.shared.owned.len() == 0,
            "a task outlives the end"
        );
        self.shut_down();
        drop(handle);
        self.drop_wakers();
        drop(std::iter::from_fn(|| self.shared.pop()).collect::<Vec<_>>());
        assert!(!books.panicked.load(Ordering::SeqCst), "a poll panicked");
        assert_eq!(get(&books.futures_dropped), get(&books.futures), "futures");
        let over = get(&books.delivered) + get(&books.outputs_dropped);
        assert_eq!(over, get(&books.outputs), "outputs");
        assert_eq!(get(&books.wakers_gone), get(&books.wakers), "join wakers");
        assert_eq!(Arc::strong_count(&self.shared), 1, "a task was not freed");
    }
}

/// As in `shared.rs`: the list's reference is the caller's.
fn end(task: TaskPtr) {
    let header = unsafe { task.as_ref() };
    match header.state.shutdown() {
        Shutdown::Claimed => unsafe { (header.vtable.cancel)(task) },
        Shutdown::Left => unsafe { release(task, 1) },
    }
}
