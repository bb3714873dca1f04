//! What signals do to a whole process: several at once, ctrl-c in a loop, ctrl-c twice, the way back to the default action. Each test runs in
//! a process of its own.

mod process;
mod workers;

use futures_util::FutureExt;
use process::{fork, is_rerun, rerun_passes};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use waterwheel::signal::{Signal, SignalKind, ctrl_c, end_at_second_ctrl_c, restore, signal};
use waterwheel::{Runtime, timeout};
use workers::block_on;

const INTERRUPT: SignalKind = SignalKind::interrupt();

/// Sends a signal to this thread, which has handled it when this returns.
fn raise(kind: SignalKind) {
    // SAFETY: the call takes no pointers.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

/// The first and the last of them are the C library's to choose.
fn realtime_signals() -> Vec<SignalKind> {
    (libc::SIGRTMIN()..=libc::SIGRTMAX())
        .map(SignalKind::from_raw)
        .collect()
}

/// Sends each of these to this thread, all at once: they are blocked meanwhile.
fn raise_together(kinds: &[SignalKind]) {
    // SAFETY: the sets are places of their type, and the calls write to nothing else.
    unsafe {
        let mut set = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for kind in kinds {
            libc::sigaddset(&raw mut set, kind.as_raw());
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
        for &kind in kinds {
            raise(kind);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}

/// Pitfall: handlers of several signals stack on one small alternate stack: SIGSEGV.
#[test]
fn many_signals_at_once_do_not_overflow_the_stack_of_handlers() {
    const NAME: &str = "many_signals_at_once_do_not_overflow_the_stack_of_handlers";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    assert!(realtime_signals().len() >= 30);
    // On the thread of a test and on a worker's, each with an alternate stack of its own.
    block_on(hear_all_at_once());
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let task = runtime.handle().spawn_on_worker(1, hear_all_at_once());
    runtime.block_on(task).unwrap();
}

async fn hear_all_at_once() {
    let kinds = realtime_signals();
    let mut listeners: Vec<_> = kinds.iter().map(|&kind| signal(kind).unwrap()).collect();
    for _ in 0..500 {
        raise_together(&kinds);
        for listener in &mut listeners {
            listener.recv().await.unwrap();
        }
    }
}

/// How many handlers are under way, and whether there ever were two, or one that was not on the stack that is to be.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static NESTED: AtomicBool = AtomicBool::new(false);
static ON_ALTERNATE_STACK: AtomicUsize = AtomicUsize::new(0);
static CALLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn watching(_: libc::c_int) {
    if UNDER_WAY.fetch_add(1, Ordering::SeqCst) > 0 {
        NESTED.store(true, Ordering::SeqCst);
    }
    // SAFETY: the call writes to a place of its type.
    let on_alternate_stack = unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        libc::sigaltstack(std::ptr::null(), &raw mut stack);
        stack.ss_flags & libc::SS_ONSTACK != 0
    };
    ON_ALTERNATE_STACK.fetch_add(on_alternate_stack.into(), Ordering::SeqCst);
    CALLED.fetch_add(1, Ordering::SeqCst);
    UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
}

/// Sets `watching` as the handler of each realtime signal, and then listens to them.
fn chain(flags: libc::c_int) -> Vec<Signal> {
    let handler: extern "C" fn(libc::c_int) = watching;
    let chained = realtime_signals().into_iter().map(|kind| {
        // SAFETY: the action is of zeros but for what is set, and its handler does what a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = flags;
            libc::sigaction(kind.as_raw(), &raw const action, std::ptr::null_mut());
        }
        signal(kind).unwrap()
    });
    chained.collect()
}

#[test]
fn a_handler_that_was_there_before_is_not_interrupted_and_keeps_its_stack() {
    const NAME: &str = "a_handler_that_was_there_before_is_not_interrupted_and_keeps_its_stack";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    for (flags, on_alternate_stack) in [(0, false), (libc::SA_ONSTACK, true)] {
        for &kind in &realtime_signals() {
            restore(kind).unwrap();
        }
        CALLED.store(0, Ordering::SeqCst);
        ON_ALTERNATE_STACK.store(0, Ordering::SeqCst);
        let listeners = chain(flags);
        raise_together(&realtime_signals());
        let called = CALLED.load(Ordering::SeqCst);
        assert_eq!(called, listeners.len());
        let expected = if on_alternate_stack { called } else { 0 };
        assert_eq!(ON_ALTERNATE_STACK.load(Ordering::SeqCst), expected);
    }
    assert!(!NESTED.load(Ordering::SeqCst));
}

/// Pitfall: a wait that is made anew in each round loses what came between two rounds.
#[test]
fn ctrl_c_in_a_loop_loses_none_between_two_rounds() {
    const NAME: &str = "ctrl_c_in_a_loop_loses_none_between_two_rounds";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    end_at_second_ctrl_c(false);
    block_on(async {
        // The first call listens from then on.
        assert!(ctrl_c().now_or_never().is_none());
        for round in 0..100 {
            // No future waits, or one that is given up without another poll.
            let given_up = (round % 2 == 0).then(ctrl_c);
            raise(INTERRUPT);
            drop(given_up);
            let told = ctrl_c().now_or_never();
            assert!(matches!(told, Some(Ok(()))), "round {round}");
            assert!(
                ctrl_c().now_or_never().is_none(),
                "round {round}: told once"
            );
        }
        // All that wait are told.
        let (first, second) = (ctrl_c(), ctrl_c());
        raise(INTERRUPT);
        first.await.unwrap();
        second.await.unwrap();
        assert!(ctrl_c().now_or_never().is_none());
        // What was told by a `Signal` has been told.
        let mut listener = signal(INTERRUPT).unwrap();
        raise(INTERRUPT);
        listener.recv().await.unwrap();
        assert!(ctrl_c().now_or_never().is_none());
    });
}

/// What becomes of a child that does this, and then sleeps for a moment of its own.
fn fate(child: impl FnOnce()) -> ExitStatus {
    fork(|| {
        child();
        7
    })
}

#[track_caller]
fn assert_ended_by_interrupt(status: ExitStatus) {
    assert_eq!(status.signal(), Some(libc::SIGINT), "{status}");
}

#[track_caller]
fn assert_went_on(status: ExitStatus) {
    assert_eq!(status.code(), Some(7), "{status}");
}

/// Presses ctrl-c within a second after the last time, on a slow machine after some attempts.
fn press_again() {
    for _ in 0..100 {
        raise(INTERRUPT);
    }
}

/// Lets the second in which two belong together pass.
fn a_second_passes() {
    let start = Instant::now();
    while start.elapsed() <= Duration::from_millis(1100) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn ctrl_c_twice_that_nobody_takes_ends_the_process() {
    const NAME: &str = "ctrl_c_twice_that_nobody_takes_ends_the_process";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    // Each child is forked before anything has listened here.
    assert_ended_by_interrupt(fate(|| {
        drop(ctrl_c());
        raise(INTERRUPT);
        press_again();
    }));
    // So too where one waits that is not polled any more.
    assert_ended_by_interrupt(fate(|| {
        let _stuck = ctrl_c();
        raise(INTERRUPT);
        press_again();
    }));
    // The first was taken, by either kind of listener; then the third comes a moment after the second.
    assert_went_on(fate(|| {
        let mut listener = signal(INTERRUPT).unwrap();
        raise(INTERRUPT);
        assert!(listener.recv().now_or_never().is_some());
        raise(INTERRUPT);
    }));
    assert_went_on(fate(|| {
        let waiting = ctrl_c();
        raise(INTERRUPT);
        assert!(waiting.now_or_never().is_some());
        raise(INTERRUPT);
    }));
    assert_ended_by_interrupt(fate(|| {
        let waiting = ctrl_c();
        raise(INTERRUPT);
        assert!(waiting.now_or_never().is_some());
        raise(INTERRUPT);
        press_again();
    }));
    // Too late.
    assert_went_on(fate(|| {
        drop(ctrl_c());
        raise(INTERRUPT);
        a_second_passes();
        raise(INTERRUPT);
    }));
    // Turned off, and on again.
    assert_went_on(fate(|| {
        drop(ctrl_c());
        end_at_second_ctrl_c(false);
        raise(INTERRUPT);
        raise(INTERRUPT);
        raise(INTERRUPT);
    }));
    assert_ended_by_interrupt(fate(|| {
        drop(ctrl_c());
        end_at_second_ctrl_c(false);
        raise(INTERRUPT);
        end_at_second_ctrl_c(true);
        press_again();
    }));
    // A program that has never called `ctrl_c`.
    assert_went_on(fate(|| {
        let _listener = signal(INTERRUPT).unwrap();
        raise(INTERRUPT);
        raise(INTERRUPT);
    }));
    // Where ctrl-c would not have ended the process before, as in the background of a shell.
    assert_went_on(fate(|| {
        // SAFETY: it takes no pointers.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        drop(ctrl_c());
        raise(INTERRUPT);
        raise(INTERRUPT);
    }));
    // Two other signals.
    assert_went_on(fate(|| {
        drop(ctrl_c());
        let _listener = signal(SignalKind::terminate()).unwrap();
        raise(SignalKind::terminate());
        raise(SignalKind::terminate());
    }));
}

#[test]
fn the_action_before_comes_back() {
    const NAME: &str = "the_action_before_comes_back";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    assert_ended_by_interrupt(fate(|| {
        drop(ctrl_c());
        restore(INTERRUPT).unwrap();
        raise(INTERRUPT);
    }));
    // Nothing has listened.
    assert_ended_by_interrupt(fate(|| {
        restore(INTERRUPT).unwrap();
        raise(INTERRUPT);
    }));
    // What was ignored is ignored again.
    assert_went_on(fate(|| {
        // SAFETY: it takes no pointers.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        drop(ctrl_c());
        restore(INTERRUPT).unwrap();
        raise(INTERRUPT);
    }));
    // A listener that comes later hears, and what came before it is not told.
    assert_went_on(fate(|| {
        let early = ctrl_c();
        raise(INTERRUPT);
        restore(INTERRUPT).unwrap();
        assert!(early.now_or_never().is_some(), "it came before that");
        drop(ctrl_c());
        raise(INTERRUPT);
        restore(INTERRUPT).unwrap();
        restore(INTERRUPT).unwrap();
        let late = ctrl_c();
        block_on(async { assert!(ctrl_c().now_or_never().is_none()) });
        raise(INTERRUPT);
        assert!(late.now_or_never().is_some());
    }));
    // Another handler that was set meanwhile is left, and one that was there before is called again.
    assert_went_on(fate(|| {
        let handler: extern "C" fn(libc::c_int) = watching;
        // SAFETY: the handler does what one may.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let listener = signal(SignalKind::user_defined1()).unwrap();
        raise(SignalKind::user_defined1());
        restore(SignalKind::user_defined1()).unwrap();
        raise(SignalKind::user_defined1());
        assert_eq!(CALLED.load(Ordering::SeqCst), 2);
        drop(listener);

        let _listener = signal(INTERRUPT).unwrap();
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGINT, handler as libc::sighandler_t) };
        let refused = restore(INTERRUPT).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        assert!(refused.to_string().contains('2'), "{refused}");
        raise(INTERRUPT);
        assert_eq!(CALLED.load(Ordering::SeqCst), 3);
    }));
    // No signal of that number.
    for number in [0, -1, 65, i32::MAX] {
        restore(SignalKind::from_raw(number)).unwrap();
    }
}

/// A signal that comes while nothing waits, in a runtime of its own each time, is told there.
#[test]
fn a_ctrl_c_between_two_runtimes_is_told() {
    const NAME: &str = "a_ctrl_c_between_two_runtimes_is_told";
    if !is_rerun() {
        return rerun_passes(NAME);
    }
    end_at_second_ctrl_c(false);
    drop(ctrl_c());
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
        raise(INTERRUPT);
        let told = runtime.spawn(async { timeout(Duration::from_secs(60), ctrl_c()).await });
        runtime.block_on(told).unwrap().expect("it came").unwrap();
    }
}
