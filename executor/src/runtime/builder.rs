//! [`Builder`]: a runtime to order.

use super::{Runtime, TaskPanic};
use crate::hooks::Hook;
use crate::scheduler::idle::Idle;
use crate::scheduler::settings::Settings;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Makes a [`Runtime`].
///
/// # Examples
///
/// ```
/// use waterwheel::Runtime;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder()
///     .worker_threads(2)
///     .thread_name("mill")
///     .on_task_panic(|panic| eprintln!("{:?} panicked", panic.name()))
///     .build()?;
/// assert_eq!(runtime.metrics().workers.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "no runtime is made before `build` is called"]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            settings: Settings::for_workers(processors.min(Idle::MOST_WORKERS)),
        }
    }

    /// How many workers there are, one of which is for the thread in [`block_on`](Runtime::block_on). By default, as many as the process
    /// may use processors.
    ///
    /// # Panics
    ///
    /// If it is zero, or more than 32,767.
    #[track_caller]
    pub fn worker_threads(mut self, count: usize) -> Self {
        assert!(
            count > 0,
            "`worker_threads(0)` was asked for; a runtime needs one worker at least"
        );
        assert!(
            count <= Idle::MOST_WORKERS,
            "`worker_threads({count})` was asked for; a runtime has {} workers at most",
            Idle::MOST_WORKERS
        );
        self.settings.workers = count;
        self
    }

    /// The name of the runtime's threads, `waterwheel-worker` by default. The kernel shows the first 15 bytes.
    ///
    /// # Panics
    ///
    /// If it contains a null byte.
    #[track_caller]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(
            !name.contains('\0'),
            "`thread_name({name:?})` was asked for; the name of a thread has no null byte"
        );
        self.settings.thread_name = name;
        self
    }

    /// How many bytes the stack of each of the runtime's threads has, of those for blocking jobs as well. By default, as the standard
    /// library has it. The thread in `block_on` has the stack that it has.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.settings.thread_stack_size = Some(bytes);
        self.settings.blocking.stack_size = Some(bytes);
        self
    }

    /// How many threads there are at most for [`spawn_blocking`](crate::spawn_blocking), 512 by default. When all are busy, jobs wait.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn max_blocking_threads(mut self, count: usize) -> Self {
        assert!(
            count > 0,
            "`max_blocking_threads(0)` was asked for; blocking jobs need one thread at least"
        );
        self.settings.blocking.most_threads = count;
        self
    }

    /// How long a thread for [`spawn_blocking`](crate::spawn_blocking) stays without a job before it ends, 10 seconds by default.
    ///
    /// A job goes to the thread that has been idle for the shortest time, so that after a burst the others end. With
    /// [`Duration::ZERO`] a thread ends as soon as no job waits, and with [`Duration::MAX`] it stays as long as the runtime.
    ///
    /// This is real time, also where [time is paused](Self::paused_time).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = waterwheel::Runtime::builder().thread_keep_alive(Duration::ZERO).build()?;
    /// runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    /// while runtime.metrics().blocking_threads > 0 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn thread_keep_alive(mut self, duration: Duration) -> Self {
        self.settings.blocking.keep_alive = duration;
        self
    }

    /// How many polls a worker makes at most before it looks at its sockets and timers, 61 by default. Where polls take long, it makes
    /// fewer.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn event_interval(mut self, polls: u32) -> Self {
        assert!(
            polls > 0,
            "`event_interval(0)` was asked for; a worker must poll something between two turns"
        );
        self.settings.event_interval = polls;
        self
    }

    /// Makes time stand still while anything can run, and jump to the next deadline when everything waits: for tests.
    ///
    /// Timers, timeouts and intervals go by a clock that begins at the present, or some seconds before, and that
    /// [`time::now`](waterwheel_timer::now) tells. So does everything else that limits or times an operation: graces and deadlines of
    /// servers and outboxes, idle timeouts, pauses before another try. What the kernel counts, such as `SO_LINGER`, it counts by its
    /// own clock. The virtual clock jumps when every task waits, a zero turn of the drivers finds nothing,
    /// and no blocking job runs, but for those that wait in a `block_on` of their own; or when [`advance`](crate::advance) is
    /// awaited. A program that sleeps for a year ends in milliseconds.
    ///
    /// Tasks run in the same order every time: one worker polls what is spawned, first in, first out, however many workers there are, and
    /// timers that are due at the same instant wake in the order in which they were filed. What other threads do is not in that order:
    /// blocking jobs, guests of `block_on`, threads of one's own. A poll that blocks its thread until another task has run never
    /// returns, as on one worker. A `block_on` that finds the first worker's place taken is a guest, also if a thread of the runtime's own has it.
    ///
    /// Time goes on while nobody is in `block_on`, too, if tasks are left: a timer that repeats then keeps a thread busy.
    ///
    /// The system clock is the runtime's own too: it goes on with the other, and is set by
    /// [`time::set_system_time`](waterwheel_timer::set_system_time).
    ///
    /// Threads that the runtime does not know, and bytes that are under way in the kernel, are not waited for: who depends on them
    /// sees timers fire meanwhile. Timers are to be made on the runtime's own threads; elsewhere, their delay counts from the real time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel::{Runtime, sleep, time};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().paused_time().build()?;
    /// runtime.block_on(async {
    ///     let start = time::now();
    ///     let year = Duration::from_secs(365 * 24 * 60 * 60);
    ///     sleep(year).await;
    ///     assert_eq!(time::now(), start + year);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn paused_time(mut self) -> Self {
        self.settings.paused_time = true;
        self
    }

    /// Runs at the start of each of the runtime's threads, of those for blocking jobs as well. Not on the thread in `block_on`. If the hook
    /// panics, the thread goes on. A panic in the destructor of what the hook has captured is caught as well; so of all the hooks here.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.hooks.thread.start = Some(Hook::new(Arc::new(hook)));
        self
    }

    /// Runs at the end of each of the runtime's threads, of those for blocking jobs as well. If the hook panics, that is ignored.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.hooks.thread.stop = Some(Hook::new(Arc::new(hook)));
        self
    }

    /// Runs when a task, or a blocking job, has panicked, on the thread where it did, before its handle tells of it. If the hook panics
    /// itself, that is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use waterwheel::{Runtime, task};
    ///
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// # fn main() -> std::io::Result<()> {
    /// let panicked = Arc::new(Mutex::new(Vec::new()));
    /// let list = Arc::clone(&panicked);
    /// let runtime = Runtime::builder()
    ///     .on_task_panic(move |panic| list.lock().unwrap().push(panic.name().unwrap().to_owned()))
    ///     .build()?;
    /// let task = runtime.block_on(async { task::Builder::new().name("pump").spawn(async { panic!("dry") }) });
    /// assert!(runtime.block_on(task).unwrap_err().is_panic());
    /// assert_eq!(*panicked.lock().unwrap(), ["pump"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_task_panic(mut self, hook: impl Fn(&TaskPanic<'_>) + Send + Sync + 'static) -> Self {
        self.settings.hooks.task_panic = Some(Hook::new(Arc::new(hook)));
        self
    }

    /// Makes the runtime, and starts its threads.
    ///
    /// # Errors
    ///
    /// The kernel's, if there are not enough descriptors (three for each worker) or threads.
    pub fn build(self) -> io::Result<Runtime> {
        let mut settings = self.settings;
        settings.blocking.hooks = settings.hooks.thread.clone();
        Runtime::with(settings)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        f.debug_struct("Builder")
            .field("worker_threads", &settings.workers)
            .field("thread_name", &settings.thread_name)
            .field("thread_stack_size", &settings.thread_stack_size)
            .field("max_blocking_threads", &settings.blocking.most_threads)
            .field("thread_keep_alive", &settings.blocking.keep_alive)
            .field("event_interval", &settings.event_interval)
            .field("paused_time", &settings.paused_time)
            .finish_non_exhaustive()
    }
}
