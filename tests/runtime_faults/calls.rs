//! The kinds of calls; what each can fail with, by its page of the manual; and what is to come of that.

use libc::c_int;
use libc::*;

macro_rules! calls {
    ($($call:ident: $name:literal,)*) => {
        /// A kind of call. What a call is for tells kinds apart, as the kernel does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Call {
            $($call,)*
        }

        pub(crate) const ALL: &[Call] = &[$(Call::$call,)*];

        impl Call {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Call::$call => $name,)*
                }
            }
        }
    };
}

calls! {
    EpollCreate: "epoll_create1",
    EpollAddOwn: "epoll_ctl ADD, its own",
    EpollAddSystem: "epoll_ctl ADD, system clock",
    EpollAddListener: "epoll_ctl ADD, listener",
    EpollAdd: "epoll_ctl ADD",
    EpollMod: "epoll_ctl MOD",
    EpollDel: "epoll_ctl DEL",
    EpollWait: "epoll_wait",
    Events: "epoll_wait, its events",
    EventFd: "eventfd",
    EventFdWrite: "write to eventfd",
    TimerCreate: "timerfd_create",
    TimerCreateSystem: "timerfd_create, system clock",
    TimerSet: "timerfd_settime",
    TimerSetSystem: "timerfd_settime, system clock",
    Socket: "socket",
    SocketPair: "socketpair",
    Bind: "bind",
    Listen: "listen",
    Connect: "connect, TCP",
    ConnectUnix: "connect, Unix",
    ConnectDatagram: "connect, datagrams",
    Accept: "accept4",
    Shutdown: "shutdown",
    SockName: "getsockname",
    PeerName: "getpeername",
    GetOption: "getsockopt",
    SetOption: "setsockopt",
    Recv: "recv",
    RecvVectored: "recvmsg",
    Send: "send",
    SendVectored: "sendmsg",
    RecvDatagram: "recv, datagrams",
    RecvFrom: "recvfrom",
    RecvMany: "recvmmsg",
    SendDatagram: "send, datagrams",
    SendTo: "sendto",
    SendMany: "sendmmsg",
    SpliceIn: "splice to a pipe",
    SpliceOut: "splice from a pipe",
    SendFile: "sendfile",
    Pipe: "pipe2",
    PipeSize: "fcntl F_SETPIPE_SZ",
    Duplicate: "fcntl F_DUPFD_CLOEXEC",
    Close: "close",
    ThreadCreate: "pthread_create",
    ThreadCreateJob: "pthread_create, for a job",
}

pub(crate) const CALLS: usize = ALL.len();

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not made, and fails with this error.
    Fail(c_int),
    /// As `Fail`, and so do all calls of its kind for the next 25 milliseconds.
    Lasting(c_int),
    /// It says `EAGAIN`, and so slowly that another worker is told meanwhile of what comes after it.
    Overtaken,
    /// It is made, and fails with this error all the same.
    Lie(c_int),
    /// It transfers one byte, or one datagram, whatever there is.
    Short,
    /// It transfers nothing, and says no reason.
    Zero,
    /// It begins a millisecond later, and ends a millisecond later.
    Delay,
    /// The first event comes twice.
    Duplicate,
    /// Events come in the other order.
    Reversed,
    /// One event comes now, and the others the next time.
    OneAtATime,
    /// A signal interrupts the wait, and the events come the next time.
    Held,
    /// Everything that is registered has an event.
    Spurious,
    /// What is registered no more has an event, of all kinds; and what never was has one.
    Stale,
}

/// What is to come of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing: all goes on as if it had not been.
    Invisible,
    /// Who made the call gets an error that bears the kernel's, and the connection, or what it was for, ends.
    Reported,
    /// Who made the call is told the kernel's error, makes it again as the documentation says, and all goes on.
    Told,
    /// The write fails with `WriteZero`.
    WriteZero,
    /// That, unless it is tried again.
    NothingOrWriteZero,
    /// The runtime, or `block_on`, ends in panics, of which one tells why; nothing is left.
    Fatal,
    /// That, unless somebody else's sleep was to be shortened, which helps and need not be.
    NothingOrFatal,
    /// As `Told`, unless it can do without.
    NothingOrTold,
}

use Expect::{Fatal, Invisible, NothingOrFatal, NothingOrTold, Reported, Told, WriteZero};
use Fault::{
    Delay, Duplicate, Fail, Held, Lasting, Lie, OneAtATime, Overtaken, Reversed, Short, Spurious,
    Stale, Zero,
};

type Row = (Fault, Expect);

const INTERRUPTED: &[Row] = &[(Fail(EINTR), Invisible), (Delay, Invisible)];
const RECV: &[Row] = &[
    (Fail(EINTR), Invisible),
    (Fail(EAGAIN), Invisible),
    (Overtaken, Invisible),
    (Short, Invisible),
    (Delay, Invisible),
    (Fail(ECONNRESET), Reported),
    (Fail(ETIMEDOUT), Reported),
    (Fail(ENOMEM), Reported),
];
const SEND: &[Row] = &[
    (Fail(EINTR), Invisible),
    (Fail(EAGAIN), Invisible),
    (Overtaken, Invisible),
    (Short, Invisible),
    (Delay, Invisible),
    (Zero, WriteZero),
    (Fail(EPIPE), Reported),
    (Fail(ECONNRESET), Reported),
    (Fail(ENOBUFS), Reported),
    (Fail(ENOMEM), Reported),
];
const RECV_DATAGRAM: &[Row] = &[
    (Fail(EINTR), Invisible),
    (Fail(EAGAIN), Invisible),
    (Overtaken, Invisible),
    (Delay, Invisible),
    (Fail(ECONNREFUSED), Told),
    (Fail(ENOMEM), Told),
];
const SEND_DATAGRAM: &[Row] = &[
    (Fail(EINTR), Invisible),
    (Fail(EAGAIN), Invisible),
    (Delay, Invisible),
    (Fail(ECONNREFUSED), Told),
    (Fail(ENOBUFS), Told),
    (Fail(ENOMEM), Told),
    (Fail(EPERM), Told),
    (Fail(EHOSTUNREACH), Told),
];
const ADD_SOCKET: &[Row] = &[
    (Fail(ENOMEM), Reported),
    (Fail(ENOSPC), Reported),
    (Delay, Invisible),
];
const NEW: &[Row] = &[
    (Fail(EMFILE), Reported),
    (Fail(ENFILE), Reported),
    (Fail(ENOMEM), Reported),
    (Delay, Invisible),
];
const FALLS_BACK: &[Row] = &[
    (Fail(EMFILE), Invisible),
    (Fail(ENFILE), Invisible),
    (Fail(ENOMEM), Invisible),
    (Delay, Invisible),
];
const NAMES: &[Row] = &[(Fail(ENOBUFS), Reported), (Delay, Invisible)];

impl Call {
    /// What it can fail with.
    ///
    /// Not there is what no page warrants, and what a program brings upon itself, as `EBADF`. For once something of the kind is: should
    /// the kernel ever refuse to wait, that is not to end in silence.
    pub(crate) fn faults(self) -> &'static [Row] {
        match self {
            Call::EpollCreate | Call::EventFd | Call::TimerCreate => NEW,
            Call::EpollAddOwn => ADD_SOCKET,
            Call::EpollAddSystem => &[
                (Fail(ENOMEM), Invisible),
                (Fail(ENOSPC), Invisible),
                (Delay, Invisible),
            ],
            Call::EpollAddListener => &[
                (Fail(ENOMEM), Told),
                (Fail(ENOSPC), Told),
                (Lasting(ENOSPC), Told),
                (Delay, Invisible),
            ],
            Call::EpollAdd => ADD_SOCKET,
            Call::EpollMod => &[(Fail(ENOMEM), Reported), (Delay, Invisible)],
            Call::EpollDel => &[
                (Lie(ENOENT), Invisible),
                (Lie(EBADF), Invisible),
                (Delay, Invisible),
            ],
            Call::EpollWait => &[
                (Fail(EINTR), Invisible),
                (Delay, Invisible),
                (Fail(EINVAL), Fatal),
            ],
            Call::Events => &[
                (Held, Invisible),
                (Duplicate, Invisible),
                (Reversed, Invisible),
                (OneAtATime, Invisible),
                (Spurious, Invisible),
                (Stale, Invisible),
                (Delay, Invisible),
            ],
            Call::EventFdWrite => INTERRUPTED,
            Call::TimerCreateSystem => FALLS_BACK,
            Call::TimerSet => &[(Delay, Invisible), (Fail(EINVAL), NothingOrFatal)],
            // The clock was set just then, which is what it is there to tell.
            Call::TimerSetSystem => &[(Lie(ECANCELED), Invisible), (Delay, Invisible)],
            Call::Socket | Call::SocketPair => NEW,
            Call::Bind => &[
                (Fail(EADDRINUSE), Reported),
                (Fail(EACCES), Reported),
                (Fail(ENOMEM), Reported),
                (Delay, Invisible),
            ],
            Call::Listen => &[(Fail(EADDRINUSE), Reported), (Delay, Invisible)],
            Call::Connect => &[
                // The handshake goes on.
                (Lie(EINTR), Invisible),
                (Fail(ECONNREFUSED), Reported),
                (Fail(ENETUNREACH), Reported),
                (Fail(EADDRNOTAVAIL), Reported),
                (Fail(ETIMEDOUT), Reported),
                (Fail(EAGAIN), Reported),
                (Fail(ENOBUFS), Reported),
                (Delay, Invisible),
            ],
            Call::ConnectUnix => &[
                // Too many wait to be accepted.
                (Fail(EAGAIN), Invisible),
                (Lasting(EAGAIN), Invisible),
                (Fail(ECONNREFUSED), Reported),
                (Fail(EACCES), Reported),
                (Fail(ENOMEM), Reported),
                (Delay, Invisible),
            ],
            Call::ConnectDatagram => &[(Fail(ENETUNREACH), Reported), (Delay, Invisible)],
            Call::Accept => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Overtaken, Invisible),
                (Fail(ECONNABORTED), Invisible),
                (Delay, Invisible),
                (Fail(EMFILE), Told),
                (Fail(ENFILE), Told),
                (Fail(ENOBUFS), Told),
                (Fail(ENOMEM), Told),
                (Fail(EPERM), Told),
                (Fail(EINVAL), Told),
                (Lasting(EMFILE), Told),
                (Lasting(ENOMEM), Told),
                // «… should be treated like EAGAIN by retrying», accept(2) says of these.
                (Fail(EPROTO), Told),
                (Fail(ENETDOWN), Told),
                (Fail(ENOPROTOOPT), Told),
                (Fail(EHOSTDOWN), Told),
                (Fail(ENONET), Told),
                (Fail(EHOSTUNREACH), Told),
                (Fail(EOPNOTSUPP), Told),
                (Fail(ENETUNREACH), Told),
            ],
            Call::Shutdown => &[(Lie(ENOTCONN), Reported), (Delay, Invisible)],
            Call::SockName | Call::GetOption => NAMES,
            // Not connected, although it is said to be writable: that may be, for a moment.
            Call::PeerName => &[
                (Fail(ENOTCONN), Invisible),
                (Fail(ENOBUFS), Reported),
                (Delay, Invisible),
            ],
            Call::SetOption => &[(Fail(ENOMEM), Reported), (Delay, Invisible)],
            Call::Recv | Call::RecvVectored => RECV,
            Call::Send | Call::SendVectored => SEND,
            Call::RecvDatagram | Call::RecvFrom => RECV_DATAGRAM,
            Call::RecvMany => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Short, Invisible),
                (Delay, Invisible),
                (Fail(ECONNREFUSED), Told),
                (Fail(ENOMEM), Told),
            ],
            Call::SendDatagram | Call::SendTo => SEND_DATAGRAM,
            Call::SendMany => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Short, Invisible),
                (Delay, Invisible),
                (Fail(ECONNREFUSED), Told),
                (Fail(ENOBUFS), Told),
                (Fail(ENOMEM), Told),
            ],
            Call::SpliceIn => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Fail(EINVAL), Invisible),
                (Short, Invisible),
                // As it does at a mark of urgent data: it is neither the end, nor all that there is.
                (Zero, Invisible),
                (Delay, Invisible),
                (Fail(ECONNRESET), Reported),
                (Fail(ENOMEM), Reported),
            ],
            Call::SpliceOut => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Short, Invisible),
                (Delay, Invisible),
                (Zero, WriteZero),
                (Fail(EINVAL), Reported),
                (Fail(EPIPE), Reported),
                (Fail(ECONNRESET), Reported),
                (Fail(ENOMEM), Reported),
            ],
            Call::SendFile => &[
                (Fail(EINTR), Invisible),
                (Fail(EAGAIN), Invisible),
                (Fail(EINVAL), Invisible),
                (Short, Invisible),
                // The file tells whether it has ended.
                (Zero, Invisible),
                (Delay, Invisible),
                (Fail(EIO), Reported),
                (Fail(ENOMEM), Reported),
                (Fail(EPIPE), Reported),
                (Fail(ECONNRESET), Reported),
            ],
            Call::Pipe => FALLS_BACK,
            Call::PipeSize => &[
                (Fail(EPERM), Invisible),
                (Fail(EBUSY), Invisible),
                (Fail(ENOMEM), Invisible),
                (Delay, Invisible),
            ],
            Call::Duplicate => &[(Fail(EMFILE), Invisible), (Delay, Invisible)],
            // The descriptor is gone, whatever close(2) says.
            Call::Close => &[
                (Lie(EINTR), Invisible),
                (Lie(EIO), Invisible),
                (Delay, Invisible),
            ],
            Call::ThreadCreate => &[(Fail(EAGAIN), Reported), (Delay, Invisible)],
            Call::ThreadCreateJob => &[(Fail(EAGAIN), NothingOrTold), (Delay, Invisible)],
        }
    }
}
