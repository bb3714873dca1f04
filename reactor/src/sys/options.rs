//! `getsockopt(2)`, `setsockopt(2)`: the options of sockets, each a constant that knows its level, its name and what
//! its value means.
//!
//! Setting a value gives the kernel's error, such as `EINVAL` for one that is out of range, `ENOPROTOOPT` or
//! `EOPNOTSUPP` for a socket that has no such option, and `EPERM` for one that takes a privilege. Reading gives the
//! same, but the first. A value that is too large for the kernel's integer becomes the largest.

use super::check;
use libc::{
    IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP,
    IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_V6ONLY, SO_BROADCAST, SO_KEEPALIVE, SO_RCVBUF,
    SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL,
    TCP_NODELAY, TCP_QUICKACK, TCP_USER_TIMEOUT,
};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// `TCP_NODELAY`: whether small segments are sent at once, or gathered while an acknowledgement is due.
pub const NODELAY: Flag = Flag(Name(IPPROTO_TCP, TCP_NODELAY));
/// `TCP_QUICKACK`: whether what comes is acknowledged at once. The kernel changes it back when it sees fit.
pub const QUICKACK: Flag = Flag(Name(IPPROTO_TCP, TCP_QUICKACK));
/// `TCP_USER_TIMEOUT`: how long what was sent may stay without an acknowledgement.
pub const USER_TIMEOUT: Timeout = Timeout(Name(IPPROTO_TCP, TCP_USER_TIMEOUT));
/// `SO_KEEPALIVE`: whether a silent peer is asked now and then if it is there.
pub const KEEPALIVE: Flag = Flag(Name(SOL_SOCKET, SO_KEEPALIVE));
/// `TCP_KEEPIDLE`: how long a peer may be silent before it is asked.
pub const KEEPALIVE_TIME: Seconds = Seconds(Name(IPPROTO_TCP, TCP_KEEPIDLE));
/// `TCP_KEEPINTVL`: how long it has to answer before it is asked again.
pub const KEEPALIVE_INTERVAL: Seconds = Seconds(Name(IPPROTO_TCP, TCP_KEEPINTVL));
/// `TCP_KEEPCNT`: how often it is asked before the connection is given up.
pub const KEEPALIVE_RETRIES: Number = Number(Name(IPPROTO_TCP, TCP_KEEPCNT));
/// `SO_REUSEADDR`: whether a listener may be bound while connections of a former one linger at its port.
pub const REUSE_ADDRESS: Flag = Flag(Name(SOL_SOCKET, SO_REUSEADDR));
/// `SO_REUSEPORT`: whether several sockets may be bound to the same address, and share what comes to it.
pub const REUSE_PORT: Flag = Flag(Name(SOL_SOCKET, SO_REUSEPORT));
/// `SO_SNDBUF`: bytes for what is to be sent. The kernel doubles what is set, for its own needs.
pub const SEND_BUFFER: Number = Number(Name(SOL_SOCKET, SO_SNDBUF));
/// `SO_RCVBUF`: bytes for what has been received. The kernel doubles what is set, for its own needs.
pub const RECEIVE_BUFFER: Number = Number(Name(SOL_SOCKET, SO_RCVBUF));
/// `SO_BROADCAST`: whether datagrams may be sent to broadcast addresses.
pub const BROADCAST: Flag = Flag(Name(SOL_SOCKET, SO_BROADCAST));
/// `IPV6_V6ONLY`: whether an IPv6 socket leaves IPv4 to others.
pub const ONLY_V6: Flag = Flag(Name(IPPROTO_IPV6, IPV6_V6ONLY));
/// `IP_TTL`, or `IPV6_UNICAST_HOPS`: how many hosts a packet may pass.
pub const HOP_LIMIT: ByFamily = ByFamily {
    v4: Number(Name(IPPROTO_IP, libc::IP_TTL)),
    v6: Number(Name(IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS)),
};
/// `IP_TOS`, or `IPV6_TCLASS`: the byte by which packets ask for a kind of service.
pub const TYPE_OF_SERVICE: ByFamily = ByFamily {
    v4: Number(Name(IPPROTO_IP, libc::IP_TOS)),
    v6: Number(Name(IPPROTO_IPV6, libc::IPV6_TCLASS)),
};
/// `IP_MULTICAST_LOOP`: whether multicast packets come back to this host.
pub const MULTICAST_LOOP_V4: Flag = Flag(Name(IPPROTO_IP, IP_MULTICAST_LOOP));
/// `IP_MULTICAST_TTL`: how many hosts a multicast packet may pass.
pub const MULTICAST_TTL_V4: Number = Number(Name(IPPROTO_IP, IP_MULTICAST_TTL));
/// `IPV6_MULTICAST_LOOP`: whether multicast packets come back to this host.
pub const MULTICAST_LOOP_V6: Flag = Flag(Name(IPPROTO_IPV6, IPV6_MULTICAST_LOOP));
/// `IPV6_MULTICAST_HOPS`: how many hosts a multicast packet may pass.
pub const MULTICAST_HOPS_V6: Number = Number(Name(IPPROTO_IPV6, IPV6_MULTICAST_HOPS));

/// A level, and an option's name at this level.
#[derive(Clone, Copy, Debug)]
struct Name(libc::c_int, libc::c_int);

impl Name {
    fn set<T: Value>(self, fd: BorrowedFd<'_>, value: T) -> io::Result<()> {
        set(fd, self.0, self.1, value)
    }

    fn get(self, fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
        get(fd, self.0, self.1)
    }
}

/// An option that is on or off.
#[derive(Clone, Copy, Debug)]
pub struct Flag(Name);

/// An option that is a number.
#[derive(Clone, Copy, Debug)]
pub struct Number(Name);

/// An option that is a time in seconds, of which parts are rounded up.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(Name);

/// An option that is a time in milliseconds, of which parts are rounded up, or nothing for what the kernel does anyway.
#[derive(Clone, Copy, Debug)]
pub struct Timeout(Name);

/// An option that is a number, and that has a name of its own in each of the internet families.
#[derive(Clone, Copy, Debug)]
pub struct ByFamily {
    v4: Number,
    v6: Number,
}

impl Flag {
    /// Sets it.
    pub fn set(self, fd: BorrowedFd<'_>, value: bool) -> io::Result<()> {
        self.0.set(fd, libc::c_int::from(value))
    }

    /// Reads it.
    pub fn get(self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        Ok(self.0.get(fd)? != 0)
    }
}

impl Number {
    /// Sets it.
    pub fn set(self, fd: BorrowedFd<'_>, value: u32) -> io::Result<()> {
        self.0
            .set(fd, libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX))
    }

    /// Reads it.
    pub fn get(self, fd: BorrowedFd<'_>) -> io::Result<u32> {
        Ok(self.0.get(fd)?.cast_unsigned())
    }
}

impl Seconds {
    /// Sets it.
    pub fn set(self, fd: BorrowedFd<'_>, value: Duration) -> io::Result<()> {
        self.0.set(fd, whole_seconds(value))
    }

    /// Reads it.
    pub fn get(self, fd: BorrowedFd<'_>) -> io::Result<Duration> {
        Ok(Duration::from_secs(self.0.get(fd)?.unsigned_abs().into()))
    }
}

impl Timeout {
    /// Sets it.
    pub fn set(self, fd: BorrowedFd<'_>, value: Option<Duration>) -> io::Result<()> {
        let milliseconds = value.map_or(0, |value| {
            let milliseconds = value.as_nanos().div_ceil(1_000_000).max(1);
            libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX)
        });
        self.0.set(fd, milliseconds)
    }

    /// Reads it.
    pub fn get(self, fd: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
        let milliseconds = self.0.get(fd)?;
        Ok((milliseconds != 0).then(|| Duration::from_millis(milliseconds.unsigned_abs().into())))
    }
}

impl ByFamily {
    /// Sets it.
    pub fn set(self, fd: BorrowedFd<'_>, value: u32) -> io::Result<()> {
        if is_v6(fd)? {
            self.v6.set(fd, value)?;
            // An IPv6 socket may carry IPv4 as well.
            if ONLY_V6.get(fd)? {
                return Ok(());
            }
        }
        self.v4.set(fd, value)
    }

    /// Reads it.
    pub fn get(self, fd: BorrowedFd<'_>) -> io::Result<u32> {
        if is_v6(fd)? {
            self.v6.get(fd)
        } else {
            self.v4.get(fd)
        }
    }
}

fn whole_seconds(value: Duration) -> libc::c_int {
    let seconds = value.as_nanos().div_ceil(1_000_000_000);
    libc::c_int::try_from(seconds).unwrap_or(libc::c_int::MAX)
}

fn is_v6(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let domain: libc::c_int = get(fd, SOL_SOCKET, libc::SO_DOMAIN)?;
    Ok(domain == libc::AF_INET6)
}

/// Sets `SO_LINGER`: for how long closing waits until what was sent has been acknowledged. Zero discards it, and resets
/// the connection.
///
/// # Errors
///
/// The kernel's, from `setsockopt(2)`.
pub fn set_linger(fd: BorrowedFd<'_>, linger: Option<Duration>) -> io::Result<()> {
    let value = libc::linger {
        l_onoff: linger.is_some().into(),
        l_linger: linger.map_or(0, whole_seconds),
    };
    set(fd, SOL_SOCKET, libc::SO_LINGER, value)
}

/// Reads `SO_LINGER`.
///
/// # Errors
///
/// The kernel's, from `getsockopt(2)`.
pub fn linger(fd: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    let value: libc::linger = get(fd, SOL_SOCKET, libc::SO_LINGER)?;
    let linger = Duration::from_secs(value.l_linger.unsigned_abs().into());
    Ok((value.l_onoff != 0).then_some(linger))
}

/// Whether a multicast group is joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// What is sent to the group is received from here on.
    Join,
    /// It is not any more.
    Leave,
}

/// Joins or leaves a group, at the interface that has the address `interface`; unspecified, the kernel chooses.
///
/// # Errors
///
/// The kernel's, from `setsockopt(2)`: `EADDRINUSE` when it is a member already, `EADDRNOTAVAIL` when it is none, or
/// `group` no group, `ENODEV` when there is no such interface.
pub fn multicast_v4(
    fd: BorrowedFd<'_>,
    group: Ipv4Addr,
    interface: Ipv4Addr,
    membership: Membership,
) -> io::Result<()> {
    let address = |ip: Ipv4Addr| libc::in_addr {
        s_addr: u32::from_ne_bytes(ip.octets()),
    };
    let value = libc::ip_mreq {
        imr_multiaddr: address(group),
        imr_interface: address(interface),
    };
    let name = match membership {
        Membership::Join => libc::IP_ADD_MEMBERSHIP,
        Membership::Leave => libc::IP_DROP_MEMBERSHIP,
    };
    set(fd, IPPROTO_IP, name, value)
}

/// Joins or leaves a group, at the interface with the index `interface`; if 0, the kernel chooses.
///
/// # Errors
///
/// As [`multicast_v4`].
pub fn multicast_v6(
    fd: BorrowedFd<'_>,
    group: Ipv6Addr,
    interface: u32,
    membership: Membership,
) -> io::Result<()> {
    let value = libc::ipv6_mreq {
        ipv6mr_multiaddr: libc::in6_addr {
            s6_addr: group.octets(),
        },
        ipv6mr_interface: interface,
    };
    let name = match membership {
        Membership::Join => libc::IPV6_ADD_MEMBERSHIP,
        Membership::Leave => libc::IPV6_DROP_MEMBERSHIP,
    };
    set(fd, IPPROTO_IPV6, name, value)
}

/// What the kernel takes, or gives, as an option's value.
///
/// # Safety
///
/// All bytes of a value are initialized, and any bytes make a value.
pub(super) unsafe trait Value: Copy {}

// SAFETY: an integer.
unsafe impl Value for libc::c_int {}
// SAFETY: integers, without padding between or after them.
unsafe impl Value for libc::linger {}
// SAFETY: as above.
unsafe impl Value for libc::ucred {}
// SAFETY: as above.
unsafe impl Value for libc::ip_mreq {}
// SAFETY: as above.
unsafe impl Value for libc::ipv6_mreq {}

pub(super) fn set<T: Value>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> io::Result<()> {
    let (from, length) = ((&raw const value).cast(), size_of::<T>());
    // SAFETY: `from` points to `length` initialized bytes that live through the call.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, from, length as _) })?;
    Ok(())
}

pub(super) fn get<T: Value>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<T> {
    // SAFETY: any bytes make a value.
    let mut value: T = unsafe { std::mem::zeroed() };
    let mut length = size_of::<T>() as libc::socklen_t;
    let to = (&raw mut value).cast();
    // SAFETY: `to` points to `length` bytes, and both live through the call; whatever the kernel writes is a value.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, to, &raw mut length) })?;
    Ok(value)
}

#[cfg(test)]
mod tests;
