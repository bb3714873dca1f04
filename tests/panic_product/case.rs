//! The axes of the product, and what each combination comes to.

use std::fmt;

/// Where something is thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Poll,
    FutureDrop,
    OutputDrop,
    Wake,
    WakerDrop,
}

/// What panics. The first five are the axis of the product; the others are pairs of them, and panics of panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panic {
    Nothing,
    /// The last poll, instead of coming to an output.
    Poll,
    FutureDrop,
    /// The output's destructor, unless the output is delivered: then it is the receiver's.
    OutputDrop,
    /// The waker that the handle was polled with, when it is woken.
    Waker,
    /// The same waker, when it is dropped, also as a part of being woken.
    WakerDrop,
    PollAndFutureDrop,
    FutureAndOutputDrop,
    /// The last poll, with a payload whose destructor panics.
    PayloadOfPoll,
    /// The future's destructor, with such a payload.
    PayloadOfFutureDrop,
    /// The waker, with such a payload.
    PayloadOfWaker,
}

impl Panic {
    /// The axis of the product.
    pub(crate) const BASE: [Panic; 5] = [
        Panic::Nothing,
        Panic::Poll,
        Panic::FutureDrop,
        Panic::OutputDrop,
        Panic::Waker,
    ];
    pub(crate) const MORE: [Panic; 6] = [
        Panic::WakerDrop,
        Panic::PollAndFutureDrop,
        Panic::FutureAndOutputDrop,
        Panic::PayloadOfPoll,
        Panic::PayloadOfFutureDrop,
        Panic::PayloadOfWaker,
    ];

    pub(crate) fn is_at(self, place: Place) -> bool {
        let places: &[Place] = match self {
            Panic::Nothing => &[],
            Panic::Poll | Panic::PayloadOfPoll => &[Place::Poll],
            Panic::FutureDrop | Panic::PayloadOfFutureDrop => &[Place::FutureDrop],
            Panic::OutputDrop => &[Place::OutputDrop],
            Panic::Waker | Panic::PayloadOfWaker => &[Place::Wake],
            Panic::WakerDrop => &[Place::WakerDrop],
            Panic::PollAndFutureDrop => &[Place::Poll, Place::FutureDrop],
            Panic::FutureAndOutputDrop => &[Place::FutureDrop, Place::OutputDrop],
        };
        places.contains(&place)
    }

    /// Whether what it throws panics again when it is dropped.
    pub(crate) fn throws_again(self) -> bool {
        matches!(
            self,
            Panic::PayloadOfPoll | Panic::PayloadOfFutureDrop | Panic::PayloadOfWaker
        )
    }

    fn concerns_the_waker(self) -> bool {
        self.is_at(Place::Wake) || self.is_at(Place::WakerDrop)
    }
}

/// When the task is cancelled, by an `AbortHandle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    Never,
    /// Before it is first polled.
    Before,
    /// While its first poll is under way.
    During(By),
    /// After its first poll has pended, or has ended it.
    After,
}

/// Who cancels during a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Itself,
    /// Another thread, which is waited for in the poll.
    Thread,
}

/// What the first poll comes to, if it does not panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPoll {
    /// It is the last one.
    Ends,
    /// It pends; if the task is not cancelled, it is woken then, and the second poll is the last.
    Pends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handle {
    /// To the end of the runtime and beyond: what it gives is taken then.
    Kept,
    /// Before the task's first poll.
    DroppedBefore,
    /// After the task has ended.
    DroppedAfter,
    /// From before the task's first poll on.
    Awaited,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) panic: Panic,
    pub(crate) cancel: Cancel,
    pub(crate) handle: Handle,
    /// Whether it is of `spawn_local`.
    pub(crate) pinned: bool,
    pub(crate) workers: usize,
    pub(crate) first_poll: FirstPoll,
}

/// All runs, combination by combination: a combination is run in each way that its terms can mean.
pub(crate) fn combinations(panics: &[Panic]) -> Vec<Vec<Case>> {
    use FirstPoll::{Ends, Pends};
    let both = |cancel| vec![(cancel, Ends), (cancel, Pends)];
    let during = [By::Itself, By::Thread]
        .into_iter()
        .flat_map(|by| both(Cancel::During(by)));
    let cancels = [
        both(Cancel::Never),
        // It is never polled.
        vec![(Cancel::Before, Ends)],
        during.collect(),
        both(Cancel::After),
    ];
    let handles = [
        Handle::Kept,
        Handle::DroppedBefore,
        Handle::DroppedAfter,
        Handle::Awaited,
    ];
    let mut combinations = Vec::new();
    for &panic in panics {
        for ways in &cancels {
            for handle in handles {
                for pinned in [false, true] {
                    for workers in [1, 2] {
                        let runs = ways.iter().map(|&(cancel, first_poll)| Case {
                            panic,
                            cancel,
                            handle,
                            pinned,
                            workers,
                            first_poll,
                        });
                        combinations.push(runs.collect());
                    }
                }
            }
        }
    }
    combinations
}

/// What a handle tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Value,
    Panic(Place),
    Cancelled,
}

/// What must come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// What the task comes to, whether or not anybody hears of it.
    pub(crate) end: Told,
    pub(crate) polls: usize,
    /// Outputs that the future came to, that the handle gave, and that were dropped before anybody had them.
    pub(crate) made: usize,
    pub(crate) delivered: usize,
    pub(crate) dropped: usize,
    /// How often the handle's waker is woken.
    pub(crate) woken: usize,
}

impl Case {
    /// Whether the handle is polled before the task is, and so has a waker.
    pub(crate) fn leaves_waker(&self) -> bool {
        self.handle == Handle::Awaited || self.panic.concerns_the_waker()
    }

    pub(crate) fn is_heard(&self) -> bool {
        matches!(self.handle, Handle::Kept | Handle::Awaited)
    }

    /// The oracle.
    ///
    /// A cancellation is a wish that the task be dropped where it next would be polled. So it comes too late for a poll that ends the
    /// task, and a poll that pends is the last; nothing else decides between the two ends of a future:
    ///
    /// - *It ends by its last poll.* If that panics, this is what the task comes to, and there is no output. Else there is one; then the
    ///   future is dropped, and if that panics, the output is lost: a future that did not end well has not ended.
    /// - *It is dropped.* There never is an output, and the task is cancelled, unless the destructor panics: a panic is told before a
    ///   cancellation, as it tells of a mistake.
    ///
    /// Of two panics the first is told. Nobody who waits decides anything: a waker that panics, or the destructor of an
    /// output that nobody asks for, changes nothing of what the task comes to. No destructor panics to who drops a handle, that of a waker
    /// which goes with it neither: it may be dropped while another panic unwinds.
    pub(crate) fn expected(&self) -> Expected {
        let ends_by_poll = match self.cancel {
            Cancel::Never => true,
            Cancel::Before => false,
            Cancel::During(_) | Cancel::After => self.first_poll == FirstPoll::Ends,
        };
        let throws = |place| self.panic.is_at(place);
        let end = match ends_by_poll {
            true if throws(Place::Poll) => Told::Panic(Place::Poll),
            _ if throws(Place::FutureDrop) => Told::Panic(Place::FutureDrop),
            true => Told::Value,
            false => Told::Cancelled,
        };
        let polls = match (self.cancel, self.first_poll) {
            (Cancel::Before, _) => 0,
            (Cancel::Never, FirstPoll::Pends) => 2,
            _ => 1,
        };
        let made = usize::from(ends_by_poll && !throws(Place::Poll));
        let delivered = usize::from(end == Told::Value && self.is_heard());
        let goes_before = self.handle == Handle::DroppedBefore;
        Expected {
            end,
            polls,
            made,
            delivered,
            dropped: made - delivered,
            woken: usize::from(self.leaves_waker() && !goes_before),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.pinned { "pinned" } else { "shared" };
        let &Case {
            panic,
            cancel,
            handle,
            workers,
            first_poll,
            ..
        } = self;
        write!(
            f,
            "panic {panic:?}, cancel {cancel:?}, handle {handle:?}, {kind}, {workers} workers, first poll {first_poll:?}"
        )
    }
}
