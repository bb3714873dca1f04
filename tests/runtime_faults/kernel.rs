//! The C functions that the runtime calls, defined here: the linker binds every call of them in this executable, the runtime's and
//! `std`'s, to these, and not to the C library's. So what is tested is what users run, to the last instruction.
//!
//! Each asks the [injector] whether this call is the one to fail, and how; else it makes the system call.
//!
//! A fault is one that a kernel could produce. Above all: a `EAGAIN` where there is something to read, or a transfer that is shorter
//! than it need be, is followed by an edge, as it would be if the rest had come just afterwards. The descriptor is armed anew
//! ([`owe_an_edge`]) before the call returns.

use super::calls::{Call, Fault};
use super::injector::{self, Registered};
use libc::{c_int, c_long, c_void, epoll_event, iovec, mmsghdr, msghdr, size_t, sockaddr};
use libc::{socklen_t, ssize_t};
use std::sync::OnceLock;
use std::time::Duration;

/// How long a call is delayed, on either side of it.
const DELAY: Duration = Duration::from_millis(1);

/// How long a call takes in which another worker takes the turns of the one that makes it.
const STUCK: Duration = Duration::from_millis(40);

macro_rules! real {
    ($number:ident $(, $argument:expr)*) => {
        // SAFETY: the arguments are those of the function of the same name, whose caller answers for them.
        unsafe { libc::syscall(libc::$number $(, $argument)*) }
    };
}

fn set_errno(code: c_int) {
    // SAFETY: the address of this thread's `errno` is always valid.
    unsafe { *libc::__errno_location() = code };
}

fn errno() -> c_int {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}

fn fail(code: c_int) -> c_long {
    set_errno(code);
    -1
}

/// Makes a call, or what the fault for it makes of it. `real` is given the length to ask for.
fn sized(call: Call, fd: c_int, length: usize, real: impl Fn(usize) -> c_long) -> c_long {
    match injector::next(call) {
        None => real(length),
        Some(Fault::Fail(code) | Fault::Lasting(code)) => {
            if code == libc::EAGAIN || code == libc::ENOTCONN {
                owe_an_edge(fd);
            }
            fail(code)
        }
        Some(Fault::Overtaken) => {
            owe_an_edge(fd);
            std::thread::sleep(STUCK);
            fail(libc::EAGAIN)
        }
        Some(Fault::Lie(code)) => {
            real(length);
            fail(code)
        }
        Some(Fault::Short) => {
            let count = real(length.min(1));
            owe_an_edge(fd);
            count
        }
        Some(Fault::Zero) => 0,
        Some(Fault::Delay) => {
            std::thread::sleep(DELAY);
            let result = real(length);
            let code = errno();
            std::thread::sleep(DELAY);
            set_errno(code);
            result
        }
        Some(other) => panic!("{other:?} is no fault of {call:?}"),
    }
}

/// As [`sized`], for a call without a length.
fn plain(call: Call, fd: c_int, real: impl Fn() -> c_long) -> c_long {
    sized(call, fd, 0, |_| real())
}

/// Lets epoll tell of a descriptor again, if it is registered. If it is not, whoever registers it is told what holds then.
fn owe_an_edge(fd: c_int) {
    let code = errno();
    if let Some((epoll, event)) = injector::registration(fd) {
        let mut event = event;
        let to = &raw mut event;
        // It fails if the descriptor is deregistered meanwhile, and then nobody waits for it.
        real!(SYS_epoll_ctl, epoll, libc::EPOLL_CTL_MOD, fd, to);
    }
    set_errno(code);
}

/// An option of a socket that is an integer.
fn option(fd: c_int, name: c_int) -> c_int {
    let (mut value, mut length) = (-1, size_of::<c_int>() as socklen_t);
    let code = errno();
    let (to, room) = (&raw mut value, &raw mut length);
    real!(SYS_getsockopt, fd, libc::SOL_SOCKET, name, to, room);
    set_errno(code);
    value
}

fn is_stream(fd: c_int) -> bool {
    option(fd, libc::SO_TYPE) == libc::SOCK_STREAM
}

fn of_kind(fd: c_int, stream: Call, datagram: Call) -> Call {
    if is_stream(fd) { stream } else { datagram }
}

// ---- epoll, eventfd, timerfd

#[unsafe(no_mangle)]
extern "C" fn epoll_create1(flags: c_int) -> c_int {
    plain(Call::EpollCreate, -1, || real!(SYS_epoll_create1, flags)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn epoll_ctl(
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    let call = match operation {
        libc::EPOLL_CTL_MOD => Call::EpollMod,
        libc::EPOLL_CTL_DEL => Call::EpollDel,
        _ => match injector::made_as(fd) {
            Some(Call::TimerCreateSystem) => Call::EpollAddSystem,
            Some(_) => Call::EpollAddOwn,
            None if option(fd, libc::SO_ACCEPTCONN) == 1 => Call::EpollAddListener,
            None => Call::EpollAdd,
        },
    };
    plain(call, fd, || {
        // Noted before the kernel knows: its first event may come at once.
        if operation == libc::EPOLL_CTL_DEL {
            injector::deregistered(fd);
        } else {
            // SAFETY: for these operations the caller gives an event.
            let event = unsafe { *event };
            injector::registered(fd, Registered { epoll, event });
        }
        real!(SYS_epoll_ctl, epoll, operation, fd, event)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn epoll_wait(epoll: c_int, to: *mut epoll_event, most: c_int, timeout: c_int) -> c_int {
    // SAFETY: there is room for as many as the caller says, which it does not look at before this returns.
    let room = unsafe { std::slice::from_raw_parts_mut(to, most as usize) };
    if let Some(count) = injector::held_back(epoll, room) {
        return count as c_int;
    }
    let wait = || {
        // Six arguments: `epoll_pwait(2)` with no mask, as an architecture need not have `epoll_wait(2)` itself.
        let no_mask = std::ptr::null::<c_void>();
        real!(SYS_epoll_pwait, epoll, to, most, timeout, no_mask, 8usize)
    };
    let count = plain(Call::EpollWait, -1, wait);
    if count <= 0 || injector::is_exempt() {
        return count as c_int;
    }
    let mut count = count as usize;
    match injector::next(Call::Events) {
        None => {}
        Some(Fault::Delay) => std::thread::sleep(DELAY),
        Some(Fault::Duplicate) => {
            room[count] = room[0];
            count += 1;
        }
        Some(Fault::Reversed) => room[..count].reverse(),
        Some(Fault::OneAtATime) => {
            injector::hold_back(epoll, &room[1..count]);
            count = 1;
        }
        Some(Fault::Held) => {
            injector::hold_back(epoll, &room[..count]);
            return fail(libc::EINTR) as c_int;
        }
        Some(Fault::Spurious) => {
            for event in injector::all_registered(epoll) {
                room[count] = event;
                count += 1;
            }
        }
        Some(Fault::Stale) => {
            for event in injector::all_deregistered(epoll) {
                room[count] = event;
                count += 1;
            }
        }
        Some(other) => panic!("{other:?} is no fault of events"),
    }
    count as c_int
}

#[unsafe(no_mangle)]
extern "C" fn eventfd(value: libc::c_uint, flags: c_int) -> c_int {
    let made = plain(Call::EventFd, -1, || real!(SYS_eventfd2, value, flags)) as c_int;
    injector::made(made, Call::EventFd);
    made
}

#[unsafe(no_mangle)]
extern "C" fn timerfd_create(clock: c_int, flags: c_int) -> c_int {
    let call = match clock {
        libc::CLOCK_REALTIME => Call::TimerCreateSystem,
        _ => Call::TimerCreate,
    };
    let made = plain(call, -1, || real!(SYS_timerfd_create, clock, flags)) as c_int;
    injector::made(made, call);
    made
}

#[unsafe(no_mangle)]
extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const libc::itimerspec,
    old: *mut libc::itimerspec,
) -> c_int {
    let call = match injector::made_as(fd) {
        Some(Call::TimerCreateSystem) => Call::TimerSetSystem,
        _ => Call::TimerSet,
    };
    plain(call, -1, || real!(SYS_timerfd_settime, fd, flags, new, old)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn write(fd: c_int, from: *const c_void, length: size_t) -> ssize_t {
    let write = |length: usize| real!(SYS_write, fd, from, length);
    // In a signal handler, too: there the thread is exempt, and nothing is locked.
    let of_eventfd = !injector::is_exempt() && injector::made_as(fd) == Some(Call::EventFd);
    let result = if of_eventfd {
        sized(Call::EventFdWrite, -1, length, write)
    } else {
        write(length)
    };
    result as ssize_t
}

// ---- sockets: how they come to be

#[unsafe(no_mangle)]
extern "C" fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    plain(Call::Socket, -1, || {
        real!(SYS_socket, family, kind, protocol)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn socketpair(family: c_int, kind: c_int, protocol: c_int, to: *mut c_int) -> c_int {
    let make = || real!(SYS_socketpair, family, kind, protocol, to);
    plain(Call::SocketPair, -1, make) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn bind(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    plain(Call::Bind, fd, || real!(SYS_bind, fd, address, length)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    plain(Call::Listen, fd, || real!(SYS_listen, fd, backlog)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn connect(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    let call = match option(fd, libc::SO_DOMAIN) {
        libc::AF_UNIX => of_kind(fd, Call::ConnectUnix, Call::ConnectDatagram),
        _ => of_kind(fd, Call::Connect, Call::ConnectDatagram),
    };
    plain(call, fd, || real!(SYS_connect, fd, address, length)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn accept4(fd: c_int, to: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int {
    plain(Call::Accept, fd, || {
        real!(SYS_accept4, fd, to, length, flags)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    plain(Call::Shutdown, -1, || real!(SYS_shutdown, fd, how)) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn getsockname(fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int {
    plain(Call::SockName, fd, || {
        real!(SYS_getsockname, fd, to, length)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn getpeername(fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int {
    plain(Call::PeerName, fd, || {
        real!(SYS_getpeername, fd, to, length)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    to: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let ask = || real!(SYS_getsockopt, fd, level, name, to, length);
    plain(Call::GetOption, fd, ask) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    from: *const c_void,
    length: socklen_t,
) -> c_int {
    let set = || real!(SYS_setsockopt, fd, level, name, from, length);
    plain(Call::SetOption, fd, set) as c_int
}

// ---- sockets: what goes through them

/// A call of the runtime's never waits, whatever the mode of the descriptor is, which others may change.
fn never_waits(call: &str, flags: c_int) {
    if !injector::is_exempt() && flags & libc::MSG_DONTWAIT == 0 {
        // No panic can leave a C function.
        eprintln!("`{call}` was called without MSG_DONTWAIT");
        std::process::abort();
    }
}

#[unsafe(no_mangle)]
extern "C" fn recv(fd: c_int, to: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    never_waits("recv", flags);
    let null = std::ptr::null::<c_void>();
    let call = of_kind(fd, Call::Recv, Call::RecvDatagram);
    sized(call, fd, length, |length| {
        real!(SYS_recvfrom, fd, to, length, flags, null, null)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn recvfrom(
    fd: c_int,
    to: *mut c_void,
    room: size_t,
    flags: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
) -> ssize_t {
    never_waits("recvfrom", flags);
    sized(Call::RecvFrom, fd, room, |room| {
        real!(SYS_recvfrom, fd, to, room, flags, address, length)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn recvmmsg(
    fd: c_int,
    to: *mut mmsghdr,
    most: libc::c_uint,
    flags: c_int,
    timeout: *mut libc::timespec,
) -> c_int {
    never_waits("recvmmsg", flags);
    sized(Call::RecvMany, fd, most as usize, |most| {
        real!(SYS_recvmmsg, fd, to, most, flags, timeout)
    }) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    never_waits("recvmsg", flags);
    sized(Call::RecvVectored, fd, usize::MAX, |most| {
        // SAFETY: the caller's message lives through the call. What the kernel writes to it, nobody here reads.
        let mut message = unsafe { *message };
        let mut first = first_of(message.msg_iov, message.msg_iovlen as c_int, most);
        if let Some(one) = &mut first {
            message.msg_iov = one;
            message.msg_iovlen = 1;
        }
        real!(SYS_recvmsg, fd, &raw mut message, flags)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn send(fd: c_int, from: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    never_waits("send", flags);
    let null = std::ptr::null::<c_void>();
    let call = of_kind(fd, Call::Send, Call::SendDatagram);
    sized(call, fd, length, |length| {
        real!(SYS_sendto, fd, from, length, flags, null, 0usize)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn sendto(
    fd: c_int,
    from: *const c_void,
    length: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_length: socklen_t,
) -> ssize_t {
    never_waits("sendto", flags);
    sized(Call::SendTo, fd, length, |length| {
        real!(SYS_sendto, fd, from, length, flags, to, to_length)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    never_waits("sendmsg", flags);
    sized(Call::SendVectored, fd, usize::MAX, |most| {
        // SAFETY: the caller's message lives through the call.
        let mut message = unsafe { *message };
        let mut first = first_of(message.msg_iov, message.msg_iovlen as c_int, most);
        if let Some(one) = &mut first {
            message.msg_iov = one;
            message.msg_iovlen = 1;
        }
        real!(SYS_sendmsg, fd, &raw const message, flags)
    }) as ssize_t
}

/// The front of the first buffer that has one, if there is less to be asked for than there is.
fn first_of(buffers: *const iovec, count: c_int, most: usize) -> Option<iovec> {
    if most == usize::MAX {
        return None;
    }
    // SAFETY: the caller of the vectored call has given so many.
    let buffers = unsafe { std::slice::from_raw_parts(buffers, count as usize) };
    let mut first = *buffers.iter().find(|buffer| buffer.iov_len > 0)?;
    first.iov_len = first.iov_len.min(most);
    Some(first)
}

#[unsafe(no_mangle)]
extern "C" fn sendmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: libc::c_uint,
    flags: c_int,
) -> c_int {
    never_waits("sendmmsg", flags);
    sized(Call::SendMany, fd, count as usize, |count| {
        real!(SYS_sendmmsg, fd, messages, count, flags)
    }) as c_int
}

// ---- what moves bytes by itself

#[unsafe(no_mangle)]
extern "C" fn splice(
    from: c_int,
    from_offset: *mut libc::loff_t,
    to: c_int,
    to_offset: *mut libc::loff_t,
    most: size_t,
    flags: libc::c_uint,
) -> ssize_t {
    // One of the two is a pipe, of which nobody is told.
    let (call, socket) = match option(from, libc::SO_TYPE) {
        -1 => (Call::SpliceOut, to),
        _ => (Call::SpliceIn, from),
    };
    sized(call, socket, most, |most| {
        real!(SYS_splice, from, from_offset, to, to_offset, most, flags)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn sendfile64(
    to: c_int,
    from: c_int,
    offset: *mut libc::off64_t,
    most: size_t,
) -> ssize_t {
    sized(Call::SendFile, to, most, |most| {
        real!(SYS_sendfile, to, from, offset, most)
    }) as ssize_t
}

#[unsafe(no_mangle)]
extern "C" fn pipe2(to: *mut c_int, flags: c_int) -> c_int {
    plain(Call::Pipe, -1, || real!(SYS_pipe2, to, flags)) as c_int
}

// ---- descriptors and threads

/// A variadic function, of which the third argument is passed like any other on all 64-bit Linux that Rust knows.
#[unsafe(no_mangle)]
extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    let control = || real!(SYS_fcntl, fd, command, argument);
    let result = match command {
        libc::F_SETPIPE_SZ => plain(Call::PipeSize, -1, control),
        libc::F_DUPFD_CLOEXEC => plain(Call::Duplicate, -1, control),
        _ => control(),
    };
    result as c_int
}

#[unsafe(no_mangle)]
extern "C" fn close(fd: c_int) -> c_int {
    if !injector::is_exempt() {
        injector::closed(fd);
    }
    plain(Call::Close, -1, || real!(SYS_close, fd)) as c_int
}

type ThreadMain = extern "C" fn(*mut c_void) -> *mut c_void;
type PthreadCreate =
    unsafe extern "C" fn(*mut c_void, *const c_void, ThreadMain, *mut c_void) -> c_int;

/// It gives its error, and leaves `errno` alone.
#[unsafe(no_mangle)]
extern "C" fn pthread_create(
    thread: *mut c_void,
    attributes: *const c_void,
    main: ThreadMain,
    argument: *mut c_void,
) -> c_int {
    static REAL: OnceLock<PthreadCreate> = OnceLock::new();
    let real = REAL.get_or_init(|| {
        // SAFETY: the name is a C string; the next definition of it is the C library's.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
        assert!(!found.is_null(), "the C library can create threads");
        // SAFETY: that function has this type.
        unsafe { std::mem::transmute::<*mut c_void, PthreadCreate>(found) }
    });
    // SAFETY: the caller's arguments.
    let create = || unsafe { real(thread, attributes, main, argument) };
    let call = if injector::is_built() {
        Call::ThreadCreateJob
    } else {
        Call::ThreadCreate
    };
    match injector::next(call) {
        Some(Fault::Fail(code)) => code,
        Some(Fault::Delay) => {
            std::thread::sleep(DELAY);
            create()
        }
        _ => create(),
    }
}
