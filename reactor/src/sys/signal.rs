//! `sigaction(2)`: counts signals, and tells an eventfd of each, from the signal handler.
//!
//! Each kind of signal that somebody listens to has one handler, one count and one eventfd in the process. The count and the eventfd stay
//! from the first listener on, so nothing that the handler touches is ever freed. The handler adds one to the count, writes the
//! eventfd, and then calls the handler that was there before it, if there was one. All of that is async-signal-safe (`signal-safety(7)`):
//! atomic operations, a `write(2)`, and for `SIGINT` also `clock_gettime(2)`, `sigaction(2)` and `raise(3)`.
//!
//! A listener has a duplicate of the eventfd, which epoll tells of each write, and remembers the count that it has seen. The count
//! is raised before the write, so a listener that the write wakes sees it.
//!
//! # No handler is interrupted by a signal
//!
//! The handler blocks every signal while it runs. It runs on the thread's alternate stack, which the standard library makes 8 KiB
//! large, and a kernel's frame for a handler takes up to 3.5 KiB of that: if other signals could interrupt the handler, a few
//! that arrive together would overflow it. The handler that was there before runs inside ours, so it is not interrupted either. It stays on
//! the stack that it was made for: ours asks for the alternate stack (`SA_ONSTACK`) unless the one before did not.
//!
//! # In a child
//!
//! A child of `fork` has the handler and a copy of the counts, and shares the eventfd with its parent. A write would wake the
//! parent, so the handler writes only an eventfd that its own process has made (see [`fork`](super::fork)). The first listener in
//! the child makes one.

use super::fork::{Lock, Process};
use super::{check, clock};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// One more than the greatest number of a signal on Linux.
const NUMBERS: usize = 65;

struct Slot {
    /// How often the signal has come.
    count: AtomicU64,
    /// The latest of them that a listener has been told of.
    taken: AtomicU64,
    /// The eventfd that is told, in the lower half, and the number of the process that has made it, in the upper. Zero before the first.
    eventfd: AtomicU64,
    /// The address of the handler that was there before, or zero: one that takes the number alone, or one that takes the details too.
    plain: AtomicUsize,
    with_info: AtomicUsize,
}

type Plain = extern "C" fn(libc::c_int);
type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

static SLOTS: [Slot; NUMBERS] = [const {
    Slot {
        count: AtomicU64::new(0),
        taken: AtomicU64::new(0),
        eventfd: AtomicU64::new(0),
        plain: AtomicUsize::new(0),
        with_info: AtomicUsize::new(0),
    }
}; NUMBERS];

/// For each signal whose handler is ours, by number, the action that was there before. The lock is held while a handler is set or
/// taken back.
static BEFORE: Lock<[Option<libc::sigaction>; NUMBERS]> =
    Lock::new([None; NUMBERS], || [None; NUMBERS]);

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
    let mut before = BEFORE.lock();
    let eventfd = match slot.own_eventfd() {
        Some(eventfd) => eventfd,
        None => slot.make_eventfd()?,
    };
    let before = &mut before[number as usize];
    let current = action(number)?;
    if is_ours(&current) {
        // In a child that has forked while another thread of the parent's held the lock, it is not known what was before.
        before.get_or_insert_with(default_action);
    } else if before.is_none()
        || current.sa_sigaction == libc::SIG_DFL
        || current.sa_sigaction == libc::SIG_IGN
    {
        // Known before ours may be called.
        slot.remember(&current);
        if number == libc::SIGINT {
            CTRL_C
                .was_default
                .store(current.sa_sigaction == libc::SIG_DFL, Ordering::Relaxed);
        }
        set_handler(number, &current)?;
        *before = Some(current);
    }
    // Or else a handler was set after ours, which may call ours. If ours were set again, each would call the other without end.
    // SAFETY: the eventfd is open, and is never closed.
    unsafe { BorrowedFd::borrow_raw(eventfd) }.try_clone_to_owned()
}

/// Puts back the action that a signal had before [`listen`] was first called for it.
///
/// # Errors
///
/// `ResourceBusy` if another handler was set after ours; the kernel's, from `sigaction(2)`.
pub(crate) fn restore(number: libc::c_int) -> io::Result<()> {
    let mut before = BEFORE.lock();
    let Some(before) = usize::try_from(number)
        .ok()
        .and_then(|number| before.get_mut(number))
    else {
        return Ok(());
    };
    let Some(action_before) = before else {
        return Ok(());
    };
    if !is_ours(&action(number)?) {
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!(
                "the action of signal {number} was to be put back to what it was before Waterwheel handled it, and another handler \
                 was set since then: take that one back first"
            ),
        ));
    }
    // SAFETY: `action_before` lives through the call. It is what the kernel gave for this signal.
    check(unsafe { libc::sigaction(number, &raw const *action_before, std::ptr::null_mut()) })?;
    *before = None;
    if number == libc::SIGINT {
        CTRL_C.is_awaited.store(false, Ordering::Relaxed);
    }
    Ok(())
}

/// How often a signal of that number has come since it is listened to. The number is one that [`listen`] has taken.
pub(crate) fn count(number: libc::c_int) -> u64 {
    SLOTS[number as usize].count.load(Ordering::Acquire)
}

/// A listener has been told of all signals up to that count.
pub(crate) fn take(number: libc::c_int, count: u64) {
    SLOTS[number as usize]
        .taken
        .fetch_max(count, Ordering::Relaxed);
}

/// The program awaits `SIGINT` by `ctrl_c`, from now on. Returns the count of those that have been taken: the next one may have come already, if
/// this is not the first call.
pub(crate) fn await_ctrl_c() -> u64 {
    let slot = &SLOTS[libc::SIGINT as usize];
    if !CTRL_C.is_awaited.swap(true, Ordering::Relaxed) {
        take(libc::SIGINT, count(libc::SIGINT));
    }
    slot.taken.load(Ordering::Relaxed)
}

/// Whether the second `SIGINT` within [`CtrlC::TWICE`] ends the process, if nobody has taken the first.
pub(crate) fn end_at_second_ctrl_c(ends: bool) {
    CTRL_C.may_end.store(ends, Ordering::Relaxed);
}

impl Slot {
    /// The eventfd, if this process has one.
    fn own_eventfd(&self) -> Option<RawFd> {
        let eventfd = self.eventfd.load(Ordering::Acquire);
        let own = u64::from(Process::current().number().get());
        (eventfd >> 32 == own).then_some(eventfd as u32 as RawFd)
    }

    fn make_eventfd(&self) -> io::Result<RawFd> {
        // SAFETY: the call takes no pointers.
        let eventfd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let own = u64::from(Process::current().number().get());
        // In a child, the parent's stays open. Its listeners here have duplicates of it.
        self.eventfd.store(
            own << 32 | u64::from(eventfd.cast_unsigned()),
            Ordering::Release,
        );
        Ok(eventfd)
    }

    /// Has the handler of that action called after ours.
    fn remember(&self, action: &libc::sigaction) {
        let (plain, with_info) = match action.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => (0, 0),
            handler if action.sa_flags & libc::SA_SIGINFO != 0 => (0, handler),
            handler => (handler, 0),
        };
        self.plain.store(plain, Ordering::Release);
        self.with_info.store(with_info, Ordering::Release);
    }
}

/// What ends a process whose user presses ctrl-c again because nothing happened.
struct CtrlC {
    /// Whether the program has ever called `ctrl_c`.
    is_awaited: AtomicBool,
    /// Whether the process may end so.
    may_end: AtomicBool,
    /// Whether `SIGINT` would have ended the process before it was listened to.
    was_default: AtomicBool,
    /// When the last `SIGINT` came, in nanoseconds of the monotonic clock. Zero before the first.
    last: AtomicU64,
}

static CTRL_C: CtrlC = CtrlC {
    is_awaited: AtomicBool::new(false),
    may_end: AtomicBool::new(true),
    was_default: AtomicBool::new(false),
    last: AtomicU64::new(0),
};

impl CtrlC {
    /// Two that come within a second belong together.
    const TWICE: u64 = 1_000_000_000;

    /// A `SIGINT` has come, after `before` others. Whether the process is to end now. Called in the signal handler.
    fn comes(&self, before: u64) -> bool {
        let now = clock::monotonic().map_or(0, |now| now.as_nanos() as u64);
        let last = self.last.swap(now, Ordering::Relaxed);
        let taken = SLOTS[libc::SIGINT as usize].taken.load(Ordering::Relaxed);
        last != 0
            && now.saturating_sub(last) <= Self::TWICE
            && taken < before
            && self.is_awaited.load(Ordering::Relaxed)
            && self.may_end.load(Ordering::Relaxed)
            && self.was_default.load(Ordering::Relaxed)
            // The kernel protects the first process of a container from default actions: it would go on, deaf.
            && std::process::id() != 1
    }
}

/// Ends the process as `SIGINT` does by default. It ends when the handler returns, which unblocks the signal.
fn end_by_default() {
    let action = default_action();
    // SAFETY: `action` lives through the call. Both calls are async-signal-safe.
    unsafe {
        libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut());
        libc::raise(libc::SIGINT);
    }
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

/// What happens at a signal now.
fn action(number: libc::c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer sets nothing, and `action` is a place that the call may write to.
    check(unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, and so written it.
    Ok(unsafe { action.assume_init() })
}

fn default_action() -> libc::sigaction {
    // SAFETY: a `sigaction` of zeros is valid: the default handler, no flags and, as `sigemptyset` makes it, an empty mask.
    unsafe { std::mem::zeroed() }
}

fn address_of_ours() -> usize {
    let handler: WithInfo = handle;
    handler as usize
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == address_of_ours()
}

/// Sets our handler in the place of `before`.
fn set_handler(number: libc::c_int, before: &libc::sigaction) -> io::Result<()> {
    let mut action = default_action();
    action.sa_sigaction = address_of_ours();
    action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO;
    let has_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&before.sa_sigaction);
    if !has_handler || before.sa_flags & libc::SA_ONSTACK != 0 {
        action.sa_flags |= libc::SA_ONSTACK;
    }
    // SAFETY: the set is a place that the call may write to.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    // SAFETY: `action` lives through the call, and its handler does only what a signal handler may.
    check(unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) })?;
    Ok(())
}

/// The signal handler.
extern "C" fn handle(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the address of this thread's `errno` is always valid. The code that is interrupted finds it as it was.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let kept = unsafe { *errno };
    let slot = &SLOTS[number as usize];
    let count = slot.count.fetch_add(1, Ordering::Release);
    if number == libc::SIGINT && CTRL_C.comes(count) {
        end_by_default();
    }
    if let Some(eventfd) = slot.own_eventfd() {
        let one = 1u64;
        // SAFETY: `one` is eight readable bytes and lives through the call; the descriptor is open for good. It fails if the counter
        // is full, and then it is readable anyway.
        unsafe { libc::write(eventfd, (&raw const one).cast(), size_of::<u64>()) };
    }
    let plain = slot.plain.load(Ordering::Acquire);
    if plain != 0 {
        // SAFETY: `remember` has stored the address of a function of this type.
        let before = unsafe { std::mem::transmute::<usize, Plain>(plain) };
        before(number);
    }
    let with_info = slot.with_info.load(Ordering::Acquire);
    if with_info != 0 {
        // SAFETY: `remember` has stored the address of a function of this type.
        let before = unsafe { std::mem::transmute::<usize, WithInfo>(with_info) };
        before(number, info, context);
    }
    // SAFETY: as above.
    unsafe { *errno = kept };
}
