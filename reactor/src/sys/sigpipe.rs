//! `signal(7)`: keeps SIGPIPE from the process in the calls that have no flag for it, `splice(2)` and `sendfile(2)`.
//!
//! A program of Rust ignores SIGPIPE unless it was built otherwise, and then nothing is to be done. But in a library
//! that another program has loaded, or where somebody has set it so, its disposition is the default, and a peer that
//! has gone would end the process; or there is a handler, which would run, as it does for no other call here. Then the
//! signal is blocked in this thread for the time of the call; if the call has
//! raised it, which it does in the calling thread, it is taken back; and the thread's mask is what it was. No other
//! thread, and no child, sees any of this.

use std::io;
use std::mem::MaybeUninit;

/// Makes `operation`, which may raise SIGPIPE and then fails with `EPIPE`.
pub(super) fn without_sigpipe<R>(call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    if is_ignored() { call() } else { blocked(call) }
}

/// Whether nobody would hear of SIGPIPE. Asked each time, for who changes it tells nobody: it is a tenth of a
/// microsecond.
fn is_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is set, and the kernel writes the present action to `action`.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a call that has succeeded has written it.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cold]
fn blocked<R>(call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    let sigpipe = only_sigpipe();
    let mut before = MaybeUninit::uninit();
    // SAFETY: `sigpipe` is a set, and libc writes the former mask to `before`.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const sigpipe, before.as_mut_ptr()) };
    let was_pending = is_pending();
    let result = call();
    if let Err(error) = &result
        && error.raw_os_error() == Some(libc::EPIPE)
        && !was_pending
    {
        let now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the set and the time live through the call; nothing is asked of the signal.
        unsafe { libc::sigtimedwait(&raw const sigpipe, std::ptr::null_mut(), &raw const now) };
    }
    // SAFETY: the first call has written `before`, for it cannot fail.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    result
}

fn only_sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call initializes the set, and the second adds to it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

/// Whether one was raised before, which is not ours to take.
fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: the first call initializes the set that the second one asks, or is not followed by it.
    unsafe {
        libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    }
}
