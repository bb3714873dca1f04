//! [`TABLE`]: every public function that takes code of users, with what becomes of its panics, and a program that tries it.

use super::Fate::{self, Caller, Ignored, Kept, Told};
use super::{Place, User, wait_until};
use std::future::{pending, ready};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use waterwheel::net::{ServeOptions, TcpListener, TcpStream, UnixStream, read_chunk, serve};
use waterwheel::reactor::{
    AsyncFd, Interest, Operation, OwnedWait, Reactor, Reading, Wait, Writing,
};
use waterwheel::time::{
    self, Callback, CallbackTimer, Schedule, SystemClock, SystemReading, TimerHandle, Timers,
    VirtualClock, Wheel,
};
use waterwheel::{JoinSet, Runtime, sleep, spawn, spawn_blocking, spawn_local, task};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) struct Entry {
    pub(super) name: &'static str,
    /// When it is called.
    pub(super) call: Fate,
    /// In the destructor of what it has captured.
    pub(super) drop: Fate,
    /// Gives the code to the function, has it called, and dropped at last. What unwinds out of this is for the caller.
    pub(super) program: fn(&Place, User) -> Fate,
}

const fn entry(
    name: &'static str,
    call: Fate,
    drop: Fate,
    program: fn(&Place, User) -> Fate,
) -> Entry {
    Entry {
        name,
        call,
        drop,
        program,
    }
}

/// What cannot be tried here, and why.
pub(super) const UNTRIED: &[(&str, Fate, &str)] = &[
    (
        "Reactor::watch_clock",
        Ignored,
        "it takes who may set the system's clock; the waker is woken with those of the descriptors",
    ),
    (
        "Timers::belong_to",
        Caller,
        "it takes a function without captures, which tells a process's number",
    ),
    (
        "Wheel::will_wake",
        Kept,
        "it takes no waker, but compares one",
    ),
];

pub(super) const TABLE: &[Entry] = &[
    // --- Tasks.
    entry("spawn", Told, Told, |place, user| {
        let ended = place.runtime.block_on(async { spawn(code(user)).await });
        fate_of(ended)
    }),
    entry("spawn_local", Told, Told, |place, user| {
        let ended = place
            .runtime
            .block_on(async { spawn_local(code(user)).await });
        fate_of(ended)
    }),
    entry("spawn_blocking", Told, Told, |place, user| {
        let ended = place
            .runtime
            .block_on(async { spawn_blocking(call(user)).await });
        fate_of(ended)
    }),
    entry("Handle::try_spawn_blocking", Told, Told, |place, user| {
        let handle = place.runtime.handle();
        let job = handle.try_spawn_blocking(call(user)).expect("a thread");
        place.fate_of(job)
    }),
    entry("Runtime::spawn", Told, Told, |place, user| {
        place.fate_of(place.runtime.spawn(code(user)))
    }),
    entry("Runtime::spawn_blocking", Told, Told, |place, user| {
        place.fate_of(place.runtime.spawn_blocking(call(user)))
    }),
    entry("Handle::spawn", Told, Told, |place, user| {
        place.fate_of(place.runtime.handle().spawn(code(user)))
    }),
    entry("Handle::spawn_on_worker", Told, Told, |place, user| {
        let worker = place.workers - 1;
        place.fate_of(place.runtime.handle().spawn_on_worker(worker, code(user)))
    }),
    entry("Handle::spawn_blocking", Told, Told, |place, user| {
        place.fate_of(place.runtime.handle().spawn_blocking(call(user)))
    }),
    entry("Builder::spawn", Told, Told, |place, user| {
        let ended = place
            .runtime
            .block_on(async { task::Builder::new().spawn(code(user)).await });
        fate_of(ended)
    }),
    entry("Builder::spawn_on", Told, Told, |place, user| {
        let handle = task::Builder::new().spawn_on(code(user), place.runtime.handle());
        place.fate_of(handle)
    }),
    entry("Builder::spawn_local", Told, Told, |place, user| {
        let ended = place
            .runtime
            .block_on(async { task::Builder::new().spawn_local(code(user)).await });
        fate_of(ended)
    }),
    entry("Builder::spawn_blocking", Told, Told, |place, user| {
        let ended = place
            .runtime
            .block_on(async { task::Builder::new().spawn_blocking(call(user)).await });
        fate_of(ended)
    }),
    entry("JoinSet::spawn", Told, Told, |place, user| {
        in_set(place, |set| drop(set.spawn(code(user))))
    }),
    entry("JoinSet::spawn_local", Told, Told, |place, user| {
        in_set(place, |set| drop(set.spawn_local(code(user))))
    }),
    entry("JoinSet::spawn_on", Told, Told, |place, user| {
        in_set(place, |set| {
            drop(set.spawn_on(code(user), place.runtime.handle()));
        })
    }),
    entry("JoinSet::spawn_blocking", Told, Told, |place, user| {
        in_set(place, |set| drop(set.spawn_blocking(call(user))))
    }),
    // --- Timers that call back: tasks without a handle of that kind.
    entry("run_at", Told, Told, |place, user| {
        timer(place, user, |user| time::run_at(Instant::now(), call(user)))
    }),
    entry("run_after", Told, Told, |place, user| {
        timer(place, user, |user| time::run_after(SHORT, call(user)))
    }),
    entry("run_every", Told, Told, |place, user| {
        timer(place, user, |user| {
            time::run_every(SHORT, move || user.call())
        })
    }),
    entry("Callback::run", Told, Told, |place, user| {
        timer(place, user, |user| {
            Callback::at_system(SystemTime::now()).run(call(user))
        })
    }),
    entry("Callback::run_async", Told, Told, |place, user| {
        timer(place, user, |user| {
            Callback::after(SHORT).run_async(async move || user.call())
        })
    }),
    entry(
        "Callback::run_async, again and again",
        Told,
        Told,
        |place, user| {
            timer(place, user, |user| {
                Callback::every(SHORT).run_async(move || {
                    user.call();
                    ready(())
                })
            })
        },
    ),
    entry(
        "Callback::run, while its target lives",
        Told,
        Told,
        |place, user| {
            let target = Arc::new(());
            let weak = Arc::downgrade(&target);
            timer(place, user, |user| {
                Callback::after(SHORT)
                    .while_alive(&weak)
                    .run(move |_| user.call())
            })
        },
    ),
    entry(
        "Callback::run, again and again while its target lives",
        Told,
        Told,
        |place, user| {
            let target = Arc::new(());
            let weak = Arc::downgrade(&target);
            timer(place, user, |user| {
                Callback::every(SHORT)
                    .while_alive(&weak)
                    .run(move |_| user.call())
            })
        },
    ),
    entry(
        "Callback::run_async, while its target lives",
        Told,
        Told,
        |place, user| {
            let target = Arc::new(());
            let weak = Arc::downgrade(&target);
            timer(place, user, |user| {
                Callback::after(SHORT)
                    .while_alive(&weak)
                    .run_async(async move |_| user.call())
            })
        },
    ),
    entry(
        "Callback::run_async, again and again while its target lives",
        Told,
        Told,
        |place, user| {
            let target = Arc::new(());
            let weak = Arc::downgrade(&target);
            timer(place, user, |user| {
                Callback::every(SHORT)
                    .while_alive(&weak)
                    .run_async(move |_| {
                        user.call();
                        ready(())
                    })
            })
        },
    ),
    // --- A server.
    entry("serve", Told, Told, |place, user| {
        place.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let address = listener.local_addr().expect("its address");
            let told = Arc::new(AtomicUsize::new(0));
            let theirs = Arc::clone(&told);
            let options = ServeOptions::new().on_error(move |_, _| {
                theirs.fetch_add(1, Ordering::SeqCst);
            });
            let once = std::sync::Mutex::new(Some(user));
            let server = serve(listener, options, move |stream: TcpStream, _| {
                let user = once.lock().expect("not poisoned").take();
                async move {
                    if let Some(user) = user {
                        user.call();
                    }
                    stream.write_all(b"!").await
                }
            });
            let first = TcpStream::connect(address).await.expect("a client");
            let _gone = first.read(&mut [0]).await;
            // The next is served as ever.
            let second = TcpStream::connect(address).await.expect("a client");
            second.read_exact(&mut [0]).await.expect("it is served");
            let report = server.shutdown(HOUR).await;
            assert_eq!((report.accepted, report.left), (2, 0));
            match report.panicked {
                1 => {
                    assert_eq!(told.load(Ordering::SeqCst), 1, "the hook");
                    Told
                }
                _ => Ignored,
            }
        })
    }),
    entry("ServeOptions::on_error", Ignored, Ignored, |_, user| {
        // Its own runtime, which may be told of the destructor.
        let tasks_that_panicked = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&tasks_that_panicked);
        let runtime = Runtime::builder()
            .worker_threads(1)
            .on_task_panic(move |_| {
                theirs.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let address = listener.local_addr().expect("its address");
            let options = ServeOptions::new().on_error(move |_, _| user.call());
            let server = serve(listener, options, |_: TcpStream, _| {
                ready(Err(io::Error::other("no reason")))
            });
            for _ in 0..3 {
                let client = TcpStream::connect(address).await.expect("a client");
                assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
            }
            // As long as the hook lives: one worker has polled each handler to its end before the client hears of it.
            assert_eq!(tasks_that_panicked.load(Ordering::SeqCst), 0, "a task");
            let report = server.shutdown(HOUR).await;
            assert_eq!((report.accepted, report.failed, report.panicked), (3, 3, 0));
            assert_eq!(report.left, 0);
        });
        Ignored
    }),
    entry("Server::until", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let server = serve(listener, ServeOptions::new(), |_: TcpStream, _| {
                ready(Ok(()))
            });
            server.until(code(user), HOUR).await;
        });
        Ignored
    }),
    // --- Hooks.
    entry("Builder::on_thread_start", Ignored, Ignored, |_, user| {
        hooked(|builder| builder.on_thread_start(move || user.call()))
    }),
    entry("Builder::on_thread_stop", Ignored, Ignored, |_, user| {
        hooked(|builder| builder.on_thread_stop(move || user.call()))
    }),
    entry("Builder::on_task_panic", Ignored, Ignored, |_, user| {
        hooked(|builder| builder.on_task_panic(move |_| user.call()))
    }),
    // --- Where the caller waits.
    entry("block_on", Caller, Caller, |_, user| {
        waterwheel::block_on(code(user));
        Ignored
    }),
    entry("Runtime::block_on", Caller, Caller, |place, user| {
        place.runtime.block_on(code(user));
        Ignored
    }),
    entry("Handle::block_on", Caller, Caller, |place, user| {
        place.runtime.handle().block_on(code(user));
        Ignored
    }),
    entry("TcpStream::try_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (stream, _peer) = stream().await;
            let tried = stream.try_io(Interest::Write, move || {
                user.call();
                Ok(())
            });
            tried.expect("nothing is known of it, so it is tried");
        });
        Ignored
    }),
    entry("TcpStream::async_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (stream, _peer) = stream().await;
            let operation = move || {
                user.call();
                Ok(())
            };
            stream
                .async_io(Interest::Write, operation)
                .await
                .expect("it has room");
        });
        Ignored
    }),
    entry("try_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (stream, _peer) = UnixStream::pair().expect("a pair");
            let tried = stream.try_io(Interest::Write, move || {
                user.call();
                Ok(())
            });
            tried.expect("nothing is known of it, so it is tried");
        });
        Ignored
    }),
    entry("async_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (stream, _peer) = UnixStream::pair().expect("a pair");
            let operation = move || {
                user.call();
                Ok(())
            };
            stream
                .async_io(Interest::Write, operation)
                .await
                .expect("it has room");
        });
        Ignored
    }),
    entry("AsyncFd::try_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (fd, _peer) = pair();
            fd.writable().await.expect("it is registered");
            let tried = fd.try_io(Interest::Write, move |_| {
                user.call();
                Ok(())
            });
            tried.expect("it was ready");
        });
        Ignored
    }),
    entry("AsyncFd::async_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (fd, _peer) = pair();
            let operation = move |_: &OwnedFd| {
                user.call();
                Ok(())
            };
            fd.async_io(Interest::Write, operation)
                .await
                .expect("it was ready");
        });
        Ignored
    }),
    entry("Wait::poll_io", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (fd, _peer) = pair();
            let mut wait = Wait::<_, Writing>::new(&fd);
            let mut cx = Context::from_waker(Waker::noop());
            let polled = wait.poll_io(&mut cx, Operation::new("a test"), move |_| {
                user.call();
                Ok(())
            });
            assert!(polled.is_ready());
        });
        Ignored
    }),
    entry("Wait::poll_transfer", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (fd, _peer) = pair();
            let mut wait = Wait::<_, Writing>::new(&fd);
            let mut cx = Context::from_waker(Waker::noop());
            let polled = wait.poll_transfer(&mut cx, Operation::new("a test"), 1, move |_| {
                user.call();
                Ok(1)
            });
            assert!(polled.is_ready());
        });
        Ignored
    }),
    entry("OwnedWait::poll_transfer", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (fd, _peer) = pair();
            let mut stay = OwnedWait::<Writing>::new();
            let operation = move |_: &OwnedFd| {
                user.call();
                Ok(1)
            };
            let waker = || Waker::noop().clone();
            let polled = stay.poll_transfer(&fd, Operation::new("a test"), 1, operation, waker);
            assert!(polled.is_ready());
        });
        Ignored
    }),
    entry("read_chunk", Caller, Caller, |place, user| {
        place.runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            theirs.write_all(b"water").await.expect("room");
            let taken = read_chunk(&ours, 10, move |_| user.call()).await;
            taken.expect("a chunk");
        });
        Ignored
    }),
    entry("CallbackTimer::new", Caller, Caller, |place, user| {
        let (timer, _handle) = CallbackTimer::new(Schedule::At(Instant::now()), move || {
            user.call();
            Some(ready(()))
        });
        place.runtime.block_on(timer);
        Ignored
    }),
    entry("Reactor::turn_then", Caller, Caller, |_, user| {
        let reactor = Reactor::new().expect("a reactor");
        let _entered = reactor.enter();
        let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let ours = AsyncFd::new(ours).expect("non-blocking");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut readable = pin!(ours.async_io(Interest::Read, |mut fd| fd.read(&mut [0])));
        let polled = std::future::Future::poll(readable.as_mut(), &mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        io::Write::write_all(&mut theirs, b"!").expect("room");
        let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            reactor.turn_then(Some(Instant::now() + HOUR), move || user.call())
        }));
        // The kernel tells of this once.
        assert_eq!(woken.0.load(Ordering::SeqCst), 1, "the event is not lost");
        match turned {
            Ok(_) => Ignored,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }),
    entry("Wheel::expire", Caller, Caller, |_, user| {
        let mut wheel = Wheel::new();
        let _key = wheel.insert(1, Waker::noop().clone());
        let mut fire = move |_| user.call();
        wheel.expire(1, &mut fire);
        drop(fire);
        Ignored
    }),
    // --- Wakers.
    entry("OwnedWait::poll_ready", Ignored, Ignored, |_, user| {
        let reactor = Reactor::new().expect("a reactor");
        let _entered = reactor.enter();
        let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let ours = AsyncFd::new(ours).expect("non-blocking");
        let mut stay = OwnedWait::<Reading>::new();
        let waker = Waker::from(Arc::new(user));
        let ready = stay.poll_ready(&ours, Operation::new("a test"), &waker);
        assert!(ready.is_pending());
        // Whom the turn wakes has the last one.
        drop(waker);
        io::Write::write_all(&mut theirs, b"!").expect("room");
        reactor.turn(Some(Instant::now() + HOUR)).expect("a turn");
        Ignored
    }),
    entry("OwnedWait::next_turn", Ignored, Ignored, |_, user| {
        let reactor = Reactor::new().expect("a reactor");
        let _entered = reactor.enter();
        let (_theirs, ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let ours = AsyncFd::new(ours).expect("non-blocking");
        let mut stay = OwnedWait::<Writing>::new();
        let waker = Waker::from(Arc::new(user));
        stay.next_turn(&ours, Operation::new("a test"), &waker)
            .expect("registered");
        // Whom the turn wakes has the last one.
        drop(waker);
        reactor.turn(Some(Instant::now() + HOUR)).expect("a turn");
        Ignored
    }),
    entry("Timers::new", Ignored, Caller, |_, user| {
        nearer(Arc::new(Timers::new(Waker::from(Arc::new(user)))))
    }),
    entry("Timers::with_system_clock", Ignored, Caller, |_, user| {
        let waker = Waker::from(Arc::new(user));
        nearer(Arc::new(Timers::with_system_clock(
            waker,
            Arc::new(Clock(None)),
        )))
    }),
    entry("Timers::with_virtual_clock", Ignored, Caller, |_, user| {
        let waker = Waker::from(Arc::new(user));
        nearer(Timers::with_virtual_clock(
            waker,
            Arc::new(VirtualClock::new()),
        ))
    }),
    entry("Timers::turn_with", Ignored, Caller, |_, user| {
        let timers = Arc::new(Timers::new(Waker::noop().clone()));
        let _entered = timers.enter();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut short = pin!(sleep(SHORT));
        let polled = std::future::Future::poll(short.as_mut(), &mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        thread::sleep(SHORT);
        assert_eq!(timers.turn_with(move |_| user.call()), 1);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        Ignored
    }),
    entry("Wheel::insert", Kept, Caller, |_, user| {
        let mut wheel = Wheel::new();
        let key = wheel.insert(1, Waker::from(Arc::new(user)));
        drop(wheel.remove(key));
        Kept
    }),
    entry("Wheel::reset", Kept, Caller, |_, user| {
        let mut wheel = Wheel::new();
        let key = wheel.insert(1, Waker::noop().clone());
        drop(wheel.reset(&key, 2, Waker::from(Arc::new(user))));
        drop(wheel.remove(key));
        Kept
    }),
    entry("Wheel::set_waker", Kept, Caller, |_, user| {
        let mut wheel = Wheel::new();
        let key = wheel.insert(1, Waker::noop().clone());
        drop(wheel.set_waker(&key, Waker::from(Arc::new(user))));
        drop(wheel.remove(key));
        Kept
    }),
    // --- Traits.
    entry("SystemClock", Caller, Caller, |_, user| {
        let clock = Arc::new(Clock(Some(user)));
        let timers = Arc::new(Timers::with_system_clock(Waker::noop().clone(), clock));
        let entered = timers.enter();
        let mut far = pin!(time::sleep_until_system(SystemTime::now() + HOUR));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(std::future::Future::poll(far.as_mut(), &mut cx).is_pending());
        drop(entered);
        Ignored
    }),
];

/// Not so short that it is over before it is polled.
const SHORT: Duration = Duration::from_millis(5);

fn call(user: User) -> impl FnOnce() + Send + 'static {
    move || user.call()
}

async fn code(user: User) {
    user.call();
}

fn fate_of<T>(ended: Result<T, waterwheel::JoinError>) -> Fate {
    match ended {
        Err(error) if error.is_panic() => Told,
        _ => Ignored,
    }
}

fn in_set(place: &Place, start: impl FnOnce(&mut JoinSet<()>)) -> Fate {
    place.runtime.block_on(async {
        let mut set = JoinSet::new();
        start(&mut set);
        let ended = set.join_next().await.expect("there is one");
        assert!(set.is_empty());
        fate_of(ended)
    })
}

/// A callback timer, which is cancelled once its function was called: its task tells of the panic.
fn timer(place: &Place, user: User, start: impl FnOnce(User) -> TimerHandle) -> Fate {
    let (before, called) = (place.told(), Arc::clone(&user.called));
    let handle = {
        let _entered = place.runtime.enter();
        start(user)
    };
    wait_until("it is called", || called.load(Ordering::SeqCst));
    handle.cancel();
    wait_until("the hook is told", || place.told() > before);
    assert!(!handle.is_pending());
    Told
}

/// A runtime of its own with a hook, which has threads that start and stop, a task that panics, and ends.
fn hooked(
    hook: impl FnOnce(waterwheel::executor::Builder) -> waterwheel::executor::Builder,
) -> Fate {
    let builder = hook(Runtime::builder().worker_threads(2));
    let runtime = builder.build().expect("a runtime");
    let failed = runtime.spawn(async { std::panic::panic_any(super::BOOM) });
    assert!(
        runtime
            .block_on(failed)
            .is_err_and(|error| error.is_panic())
    );
    let fine = runtime.spawn_blocking(|| 1);
    assert_eq!(runtime.block_on(fine).expect("no panic"), 1);
    let _still_there = runtime.spawn(pending::<()>());
    let report = runtime.shutdown(HOUR);
    assert!(report.is_complete());
    Ignored
}

async fn stream() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (peer, _) = listener.accept().await.expect("a connection");
    (stream, peer)
}

fn pair() -> (AsyncFd<OwnedFd>, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    (AsyncFd::new(ours.into()).expect("non-blocking"), theirs)
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Another thread brings a deadline nearer, which wakes the owner; then the timers go.
fn nearer(timers: Arc<Timers>) -> Fate {
    let mut far = Box::pin(sleep(HOUR));
    let mut cx = Context::from_waker(Waker::noop());
    {
        let _entered = timers.enter();
        assert!(std::future::Future::poll(far.as_mut(), &mut cx).is_pending());
    }
    let other = thread::spawn(move || {
        far.as_mut().reset(Instant::now() + HOUR / 2);
        drop(far);
    });
    other
        .join()
        .expect("whoever files a timer hears of nothing");
    drop(timers);
    Ignored
}

/// A system clock that calls code of the user, if it has any.
struct Clock(Option<User>);

impl SystemClock for Clock {
    fn read(&self) -> SystemReading {
        if let Some(user) = &self.0 {
            user.call();
        }
        SystemReading {
            system: SystemTime::now(),
            boottime: HOUR,
            uncertainty: Duration::ZERO,
        }
    }

    fn watch(&self, _changed: Waker) -> bool {
        true
    }
}
