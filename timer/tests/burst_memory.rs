//! What a burst of timers needed is given back when they are gone, in whatever way the last one went.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use waterwheel_timer::{Sleep, Timers, VirtualClock, sleep};

/// The system's allocator, which counts the bytes that are alive: for each thread by itself, so that the test harness does not count.
struct Counting;

thread_local! {
    static ALIVE: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.set(ALIVE.get() + layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.set(ALIVE.get() - layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What few timers need: an empty wheel keeps room for a thousand.
const LITTLE: isize = 100_000;

fn pending(delay: Duration, cx: &mut Context<'_>) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(delay));
    assert!(sleep.as_mut().poll(cx).is_pending());
    sleep
}

/// Of entries that have fired some are in the wheel still when their sleeps are gone: they do not keep the rest.
#[test]
fn when_the_last_one_is_cancelled() {
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let _entered = timers.enter();
    let mut cx = Context::from_waker(Waker::noop());
    let before = ALIVE.get();

    let long = pending(Duration::from_secs(3600), &mut cx);
    let mut many: Vec<_> = (0..100_000)
        .map(|_| pending(Duration::from_millis(5), &mut cx))
        .collect();
    clock.advance(Duration::from_millis(10));
    for sleep in &mut many {
        assert!(sleep.as_mut().poll(&mut cx).is_ready());
    }
    drop(many);
    assert!(ALIVE.get() - before > LITTLE, "the crowd's room is there");
    drop(long);
    timers.turn();

    assert_eq!(timers.len(), 0);
    let kept = ALIVE.get() - before;
    assert!(kept < LITTLE, "{kept} bytes are kept");
}
