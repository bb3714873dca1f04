//! [`Driver`]: what a worker waits in, a reactor and the timers beside it.
//!
//! | file | what is there |
//! |---|---|
//! | here | the driver: park, turn |
//! | `rush` | [`Rush`]: when timers are due one soon after the other, a wait lasts a little longer, and serves many |
//! | `fetch` | a hint to the processor, before the tasks of many timers are woken |

mod fetch;
mod rush;

use crate::scheduler::forked::process_number;
use rush::Rush;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use waterwheel_reactor::{Reactor, sys};
use waterwheel_timer::{SystemClock, SystemReading, Timers, VirtualClock};

/// The reactor and the timers of one slot. Descriptors and timers live with the driver of the worker that first
/// polled them to pending.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) timers: Arc<Timers>,
    rush: Rush,
}

/// The time in which a driver is the current one of a thread.
#[expect(dead_code, reason = "held to be dropped")]
pub(crate) struct Entered {
    reactor: waterwheel_reactor::Enter,
    timers: waterwheel_timer::Enter,
}

impl Driver {
    /// A driver by the kernel's clocks, or by one that is paused.
    pub(crate) fn new(paused: Option<&Arc<VirtualClock>>) -> io::Result<Self> {
        Ok(Self::with(Reactor::new()?, paused))
    }

    /// The same, which has no descriptors until one is registered.
    pub(crate) fn lazy(paused: Option<&Arc<VirtualClock>>) -> Self {
        Self::with(Reactor::lazy(), paused)
    }

    fn with(reactor: Arc<Reactor>, paused: Option<&Arc<VirtualClock>>) -> Self {
        let unpark = Waker::from(Arc::clone(&reactor));
        let timers = match paused {
            Some(clock) => Timers::with_virtual_clock(unpark, Arc::clone(clock)),
            None => {
                let clock = KernelClock(Arc::clone(&reactor));
                Arc::new(Timers::with_system_clock(unpark, Arc::new(clock)))
            }
        };
        timers.belong_to(process_number);
        Self {
            reactor,
            timers,
            rush: Rush::default(),
        }
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered {
            reactor: self.reactor.enter(),
            timers: self.timers.enter(),
        }
    }

    /// Sleeps until a descriptor, a timer or another thread has something to tell, or `until` comes; runs `awake`; and wakes
    /// whom it concerns.
    pub(crate) fn park(&self, until: Option<Instant>, awake: impl FnOnce()) {
        let next = self.timers.next_deadline();
        let timer = next.map(|next| self.rush.wait_until(next));
        let deadline = match (timer, until) {
            (Some(timer), Some(until)) => Some(timer.min(until)),
            (timer, until) => timer.or(until),
        };
        told(self.reactor.turn_then(deadline, awake));
        self.rush.turned(self.timers.turn_with(fetch::task_of));
    }

    /// Sleeps until a descriptor or another thread has something to tell, or `until` comes, in real time; runs `awake`; and wakes whom it
    /// concerns. For a driver whose clock is paused: no time passes meanwhile. Returns how many descriptors and timers had something to tell.
    pub(crate) fn park_paused(&self, until: Option<Instant>, awake: impl FnOnce()) -> usize {
        told(self.reactor.turn_then(until, awake)) + self.timers.turn_with(fetch::task_of)
    }

    /// Wakes whom concerns what has happened, without sleeping. Returns as that does.
    pub(crate) fn turn_now(&self) -> usize {
        told(self.reactor.turn_now()) + self.timers.turn_with(fetch::task_of)
    }

    /// Whether nobody waits for anything here.
    pub(crate) fn is_empty(&self) -> bool {
        self.reactor.registered() == 0 && !self.timers.has_pending()
    }

    /// Nobody turns it any more: who waits for its descriptors and timers is woken, to look elsewhere.
    pub(crate) fn close(&self) {
        self.reactor.close();
        self.timers.close();
    }
}

/// The kernel's system clock; the reactor hears when it is set.
struct KernelClock(Arc<Reactor>);

impl SystemClock for KernelClock {
    fn read(&self) -> SystemReading {
        let read =
            sys::clock::system_reading().expect("the kernel has a system clock and one since boot");
        SystemReading {
            system: read.system,
            boottime: read.boottime,
            uncertainty: read.uncertainty,
        }
    }

    /// Without a descriptor for it, who waits looks at the clock once a second.
    fn watch(&self, changed: Waker) -> bool {
        self.0.watch_clock(changed).is_ok()
    }
}

fn told(turned: io::Result<usize>) -> usize {
    match turned {
        Ok(count) => count,
        // A wait that fails would leave every task stuck in silence. The worker dies, and the runtime with it (`Threads::lose_worker`).
        Err(error) => panic!("the reactor cannot wait for events: {error}"),
    }
}
