//! `sigaction(2)`: counts signals, and tells an eventfd of each, from the signal handler.
//!
//! For each kind of signal that somebody listens to, the process has one handler, one count and one eventfd, from the first
//! listener on and for good: so nothing that the handler touches is ever freed. The handler adds one to the count, then
//! writes the eventfd, and then calls the handler that was there before it, if there was one. All of that is
//! async-signal-safe (`signal-safety(7)`): an atomic addition, a load, a `write(2)`.
//!
//! A listener has a duplicate of the eventfd, which epoll tells of each write, and remembers the count that it has seen. The count
//! is raised before the write, so who is woken by that sees it.

use super::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// One more than the greatest number of a signal on Linux.
const NUMBERS: usize = 65;

struct Slot {
    /// How often the signal has come.
    count: AtomicU64,
    /// The eventfd that is told, or −1.
    eventfd: AtomicI32,
    /// What was there before the handler.
    before: OnceLock<Before>,
}

type Plain = extern "C" fn(libc::c_int);
type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// A handler that somebody else has set, which is called after ours.
#[derive(Clone, Copy)]
enum Before {
    /// The default, or to ignore the signal: nothing to call.
    Nothing,
    Plain(Plain),
    WithInfo(WithInfo),
}

static SLOTS: [Slot; NUMBERS] = [const {
    Slot {
        count: AtomicU64::new(0),
        eventfd: AtomicI32::new(-1),
        before: OnceLock::new(),
    }
}; NUMBERS];

/// The signals whose handler is ours, by number. Held while one is set, so that each is set once.
static IS_SET: Mutex<[bool; NUMBERS]> = Mutex::new([false; NUMBERS]);

/// Sees to it that signals of that number are counted from now on. Returns a descriptor of the caller's own that becomes readable
/// with each, and is not to be read.
///
/// # Errors
///
/// `InvalidInput` for a number that is no signal's or that nobody may handle; the kernel's, from `eventfd(2)`, `sigaction(2)`
/// and `fcntl(2)`.
pub(crate) fn listen(number: libc::c_int) -> io::Result<OwnedFd> {
    let slot = usize::try_from(number)
        .ok()
        .and_then(|number| SLOTS.get(number));
    let slot = slot.filter(|_| may_be_handled(number)).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "signal {number} was asked for, which cannot be listened to: SIGKILL and SIGSTOP never reach a process, \
                 SIGSEGV, SIGBUS, SIGFPE and SIGILL mean a thread that cannot go on, and others are 1 to 64"
            ),
        )
    })?;
    let mut is_set = IS_SET.lock().unwrap_or_else(PoisonError::into_inner);
    let mut eventfd = slot.eventfd.load(Ordering::Relaxed);
    if eventfd == -1 {
        // SAFETY: the call takes no pointers.
        eventfd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        slot.eventfd.store(eventfd, Ordering::Release);
    }
    let is_set = &mut is_set[number as usize];
    if !*is_set {
        // Known before ours may be called.
        let before = current_handler(number)?;
        slot.before.get_or_init(|| before);
        set_handler(number)?;
        *is_set = true;
    }
    // SAFETY: the eventfd is open, and is never closed.
    unsafe { BorrowedFd::borrow_raw(eventfd) }.try_clone_to_owned()
}

/// How often a signal of that number has come since it is listened to. The number is one that [`listen`] has taken.
pub(crate) fn count(number: libc::c_int) -> u64 {
    SLOTS[number as usize].count.load(Ordering::Acquire)
}

fn may_be_handled(number: libc::c_int) -> bool {
    number > 0
        && ![
            libc::SIGKILL,
            libc::SIGSTOP,
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
        ]
        .contains(&number)
}

fn current_handler(number: libc::c_int) -> io::Result<Before> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer sets nothing, and `action` is a place that the call may write to.
    check(unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, and so written it.
    let action = unsafe { action.assume_init() };
    Ok(match action.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => Before::Nothing,
        handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: by the flag, the address is that of a function of this type, and not null, which is `SIG_DFL`.
            Before::WithInfo(unsafe { std::mem::transmute::<usize, WithInfo>(handler) })
        }
        // SAFETY: without the flag, of this.
        handler => Before::Plain(unsafe { std::mem::transmute::<usize, Plain>(handler) }),
    })
}

fn set_handler(number: libc::c_int) -> io::Result<()> {
    // SAFETY: a `sigaction` of zeros is valid: the default handler, no flags and, as `sigemptyset` makes it, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: WithInfo = handle;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` lives through the call, and its handler does only what a signal handler may.
    check(unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) })?;
    Ok(())
}

/// The signal handler.
extern "C" fn handle(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the address of this thread's `errno` is always valid. Whoever is interrupted finds it as it was.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let kept = unsafe { *errno };
    let slot = &SLOTS[number as usize];
    slot.count.fetch_add(1, Ordering::Release);
    let one = 1u64;
    // SAFETY: `one` is eight readable bytes and lives through the call; the descriptor is open for good. It fails if the counter is
    // full, and then it is readable anyway.
    unsafe {
        libc::write(
            slot.eventfd.load(Ordering::Acquire),
            (&raw const one).cast(),
            size_of::<u64>(),
        );
    }
    match slot.before.get() {
        Some(Before::Plain(before)) => before(number),
        Some(Before::WithInfo(before)) => before(number, info, context),
        Some(Before::Nothing) | None => {}
    }
    // SAFETY: as above.
    unsafe { *errno = kept };
}
