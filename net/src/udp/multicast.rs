//! Multicast: the groups that a [`UdpSocket`] receives for, and how far goes what it sends to one.

use super::UdpSocket;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use waterwheel_reactor::sys::options::{self, Membership};

impl UdpSocket {
    /// Receives what is sent to the multicast group `group` from here on, at the interface that has the address
    /// `interface`, or at one that the kernel chooses if that is unspecified (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`: `AddrInUse` if it is a member already; `InvalidInput` if `group` is no group;
    /// `ENODEV` if there is no such interface.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        options::multicast_v4(self.as_fd(), group, interface, Membership::Join)
    }

    /// Ends what [`join_multicast_v4`](Self::join_multicast_v4) began (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`: `AddrNotAvailable` if it is no member.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        options::multicast_v4(self.as_fd(), group, interface, Membership::Leave)
    }

    /// Receives what is sent to the multicast group `group` from here on, at the interface of the index `interface`, or at
    /// one that the kernel chooses if that is 0 (`IPV6_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    ///
    /// As [`join_multicast_v4`](Self::join_multicast_v4).
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        options::multicast_v6(self.as_fd(), group, interface, Membership::Join)
    }

    /// Ends what [`join_multicast_v6`](Self::join_multicast_v6) began (`IPV6_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    ///
    /// As [`leave_multicast_v4`](Self::leave_multicast_v4).
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        options::multicast_v6(self.as_fd(), group, interface, Membership::Leave)
    }

    /// Sets `IP_MULTICAST_LOOP`: whether what is sent to an IPv4 group comes to members on this host too. It does by
    /// default.
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`.
    pub fn set_multicast_loop_v4(&self, multicast_loop: bool) -> io::Result<()> {
        options::MULTICAST_LOOP_V4.set(self.as_fd(), multicast_loop)
    }

    /// Reads `IP_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        options::MULTICAST_LOOP_V4.get(self.as_fd())
    }

    /// Sets `IP_MULTICAST_TTL`: how many hosts what is sent to an IPv4 group may pass. By default 1: it stays in this
    /// network.
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is more than 255.
    pub fn set_multicast_ttl_v4(&self, hosts: u32) -> io::Result<()> {
        options::MULTICAST_TTL_V4.set(self.as_fd(), hosts)
    }

    /// Reads `IP_MULTICAST_TTL`.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        options::MULTICAST_TTL_V4.get(self.as_fd())
    }

    /// Sets `IPV6_MULTICAST_LOOP`: whether what is sent to an IPv6 group comes to members on this host too. It does by
    /// default.
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`.
    pub fn set_multicast_loop_v6(&self, multicast_loop: bool) -> io::Result<()> {
        options::MULTICAST_LOOP_V6.set(self.as_fd(), multicast_loop)
    }

    /// Reads `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        options::MULTICAST_LOOP_V6.get(self.as_fd())
    }

    /// Sets `IPV6_MULTICAST_HOPS`: how many hosts what is sent to an IPv6 group may pass. By default 1: it stays in this
    /// network.
    ///
    /// # Errors
    ///
    /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is more than 255.
    pub fn set_multicast_hops_v6(&self, hosts: u32) -> io::Result<()> {
        options::MULTICAST_HOPS_V6.set(self.as_fd(), hosts)
    }

    /// Reads `IPV6_MULTICAST_HOPS`.
    ///
    /// # Errors
    ///
    /// The kernel's, from `getsockopt(2)`.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        options::MULTICAST_HOPS_V6.get(self.as_fd())
    }
}
