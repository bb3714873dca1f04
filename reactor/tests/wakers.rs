//! A waker is the user's code: it may panic, or call back into the reactor, when it is woken, cloned or dropped.

mod common;

use common::{Count, Run, poll};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};
use waterwheel::reactor::{AsyncFd, Reactor};

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    (AsyncFd::new(ours).expect("nonblocking"), theirs)
}

fn shared_pair() -> (Arc<AsyncFd<UnixStream>>, UnixStream) {
    let (ours, theirs) = pair();
    (Arc::new(ours), theirs)
}

/// Waits in vain for `same`, if that is still there, and for a new descriptor, registers that and lets it go: takes
/// every lock that there is.
fn call_back(reactor: &Arc<Reactor>, same: &Weak<AsyncFd<UnixStream>>) {
    let _entered = reactor.enter();
    if let Some(same) = same.upgrade() {
        let mut waiting = [same.readable(), same.readable()];
        for wait in &mut waiting {
            let _ = poll(wait, Waker::noop());
        }
    }
    let (ours, _theirs) = pair();
    assert!(poll(&mut ours.readable(), Waker::noop()).is_pending());
    assert!(reactor.registered() > 0);
    reactor.turn_now().expect("turn_now");
    reactor.unpark();
}

/// A panic whose payload panics once more when it is dropped.
struct Vicious;

impl Drop for Vicious {
    fn drop(&mut self) {
        // What this throws is leaked by whoever catches it; so it is nothing that could be.
        std::panic::panic_any(());
    }
}

/// Pitfall: an error in the middle of dispatch drops the wakers already collected (async-io).
#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = pair();
    let woken = Count::new();
    let panics = [
        Run::waker(|| panic!("on purpose")),
        Run::waker(|| std::panic::panic_any(Vicious)),
    ];
    let mut waiting: Vec<_> = (0..6).map(|_| ours.readable()).collect();
    for (i, wait) in waiting.iter_mut().enumerate() {
        let counts = woken.waker();
        let waker = panics.get(i / 2).filter(|_| i % 2 == 0).unwrap_or(&counts);
        assert!(poll(wait, waker).is_pending());
    }
    theirs.write_all(b"x").expect("write");
    woken.turn_until(&reactor, 4);
    assert_eq!(woken.get(), 4);
}

#[test]
fn a_waker_may_call_back_when_it_is_woken() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let (ours, mut theirs) = shared_pair();
    let (called, woken) = (Arc::new(AtomicBool::new(false)), Count::new());
    let waker = Run::waker({
        let (reactor, called) = (Arc::clone(&reactor), Arc::clone(&called));
        let same = Arc::downgrade(&ours);
        move || {
            call_back(&reactor, &same);
            called.store(true, Ordering::SeqCst);
        }
    });
    let (mut first, mut second) = (ours.readable(), ours.readable());
    assert!(poll(&mut first, &waker).is_pending());
    assert!(poll(&mut second, &woken.waker()).is_pending());
    theirs.write_all(b"x").expect("write");
    woken.turn_until(&reactor, 1);
    assert!(called.load(Ordering::SeqCst));
}

/// The waker of one descriptor closes another, whose event is in the same turn, and itself.
#[test]
fn a_waker_may_close_the_descriptors_that_the_turn_is_about() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let fds = Arc::new(Mutex::new(Vec::new()));
    let mut theirs = Vec::new();
    let woken = Count::new();
    for _ in 0..4 {
        let (ours, peer) = pair();
        let waker = Run::waker({
            let (fds, woken) = (Arc::clone(&fds), Arc::clone(&woken));
            move || {
                drop::<Vec<AsyncFd<UnixStream>>>(std::mem::take(&mut *fds.lock().unwrap()));
                Wake::wake(Arc::clone(&woken));
            }
        });
        let mut waiting = ours.readable();
        assert!(poll(&mut waiting, &waker).is_pending());
        // It stays parked although its future is gone: as that of a task that was moved elsewhere.
        std::mem::forget(waiting);
        fds.lock().unwrap().push(ours);
        theirs.push(peer);
    }
    for peer in &mut theirs {
        peer.write_all(b"x").expect("write");
    }
    woken.turn_until(&reactor, 4);
    assert_eq!(reactor.registered(), 0);
}

/// A waker that calls back when it is dropped.
struct OnDrop {
    reactor: Arc<Reactor>,
    same: Weak<AsyncFd<UnixStream>>,
    dropped: Arc<Count>,
}

impl Wake for OnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        call_back(&self.reactor, &self.same);
        Wake::wake_by_ref(&self.dropped);
    }
}

/// Pitfall: a waker cloned or dropped under a lock runs user code there (tokio#5429, #4129).
#[test]
fn a_waker_may_call_back_when_it_is_dropped() {
    let reactor = Reactor::new().expect("reactor");
    let _entered = reactor.enter();
    let dropped = Count::new();
    let waker = |same: &Arc<AsyncFd<UnixStream>>| {
        Waker::from(Arc::new(OnDrop {
            reactor: Arc::clone(&reactor),
            same: Arc::downgrade(same),
            dropped: Arc::clone(&dropped),
        }))
    };
    let (ours, mut theirs) = shared_pair();

    // Displaced by the waker of another task, and then cancelled.
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &waker(&ours)).is_pending());
    assert!(poll(&mut waiting, &waker(&ours)).is_pending());
    assert_eq!(dropped.get(), 1);
    drop(waiting);
    assert_eq!(dropped.get(), 2);

    // Woken.
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &waker(&ours)).is_pending());
    theirs.write_all(b"x").expect("write");
    dropped.turn_until(&reactor, 3);

    // Left behind, and dropped with the descriptor, or by the reactor's end.
    let mut left = Vec::new();
    for _ in 0..2 {
        let (ours, theirs) = shared_pair();
        let mut waiting = ours.readable();
        assert!(poll(&mut waiting, &waker(&ours)).is_pending());
        std::mem::forget(waiting);
        left.push((ours, theirs));
    }
    drop(left.pop());
    assert_eq!(dropped.get(), 4);
}

type Shared = (Arc<Reactor>, Arc<AsyncFd<UnixStream>>);

static CLONED: Mutex<Option<Shared>> = Mutex::new(None);

/// Pitfall: a waker cloned or dropped under a lock runs user code there (tokio#5429, #4129).
#[test]
fn a_waker_may_call_back_when_it_is_cloned() {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let shared = CLONED.lock().unwrap().clone();
            let (reactor, same) = shared.expect("set below");
            call_back(&reactor, &Arc::downgrade(&same));
            RawWaker::new(std::ptr::null(), &VTABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    let reactor = Reactor::new().expect("reactor");
    let (ours, _theirs) = shared_pair();
    *CLONED.lock().unwrap() = Some((Arc::clone(&reactor), Arc::clone(&ours)));
    let _entered = reactor.enter();
    // SAFETY: it has no data, so that there is nothing to keep alive or to share.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let mut waiting = ours.readable();
    assert!(poll(&mut waiting, &waker).is_pending());
    assert!(poll(&mut waiting, &waker).is_pending());
    drop(waiting);
    assert_eq!(reactor.registered(), 1);
    CLONED.lock().unwrap().take();
}
