//! What a timer costs in memory, and where it may go.

use std::mem::size_of;

use waterwheel_timer::{Elapsed, Interval, Key, MissedTickBehavior, Sleep, Timeout, Timers, Wheel};

/// The wheel's entry takes 32 bytes (asserted beside the wheel): a boxed pending sleep takes 72 in all.
#[test]
fn a_sleep_takes_40_bytes() {
    assert_eq!(size_of::<Sleep>(), 40);
    assert_eq!(size_of::<Key>(), 4);
    assert!(size_of::<Timeout<()>>() <= 48);
    assert!(size_of::<Interval>() <= 72);
}

#[test]
fn timers_go_anywhere() {
    fn is_send_sync_unpin<T: Send + Sync + Unpin>() {}
    is_send_sync_unpin::<Sleep>();
    is_send_sync_unpin::<Interval>();
    is_send_sync_unpin::<Timeout<Sleep>>();
    is_send_sync_unpin::<Timers>();
    is_send_sync_unpin::<Wheel>();
    is_send_sync_unpin::<(Key, MissedTickBehavior, Elapsed)>();
}
