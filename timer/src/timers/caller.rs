//! Which public function made a future, so that a panic can name the call that the user wrote.

/// The function that a timer future comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Sleep,
    SleepUntil,
    Interval,
    IntervalAt,
    Timeout,
    TimeoutAt,
    IdleTimeout,
    SleepUntilSystem,
    SleepBoottime,
    ClockSteps,
    Callback,
}

impl Caller {
    /// The function's name in the facade.
    fn name(self) -> &'static str {
        match self {
            Caller::Sleep => "sleep",
            Caller::SleepUntil => "sleep_until",
            Caller::Interval => "interval",
            Caller::IntervalAt => "interval_at",
            Caller::Timeout => "timeout",
            Caller::TimeoutAt => "timeout_at",
            Caller::IdleTimeout => "time::IdleTimeout",
            Caller::SleepUntilSystem => "time::sleep_until_system",
            Caller::SleepBoottime => "time::sleep_boottime",
            Caller::ClockSteps => "time::clock_steps",
            Caller::Callback => "time::CallbackTimer",
        }
    }

    /// Panics: the future would have to wait, and no runtime is there to wake it.
    #[cold]
    pub(crate) fn outside_runtime(self) -> ! {
        panic!(
            "`waterwheel::{}` was polled outside a Waterwheel runtime; \
             await it inside `waterwheel::block_on(async {{ … }})`",
            self.name()
        )
    }
}
