//! `ip(7)`, `ipv6(7)`: [`SocketAddr`] as the kernel writes it, and back.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An address of either family. Both begin with the family, at the same place and of the same type.
#[derive(Clone, Copy)]
#[repr(C)]
union Sockaddr {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// An address in the kernel's form, with its length, to be passed to a call or filled by one.
///
/// **Invariant.** The bytes of `v4` are initialized; if the family is not `AF_INET`, all bytes are.
pub(crate) struct RawAddress {
    address: Sockaddr,
    length: libc::socklen_t,
}

impl RawAddress {
    /// Room for a call to write an address of either family to.
    pub(crate) fn room() -> Self {
        Self::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0))
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.address).cast()
    }

    pub(crate) fn length(&self) -> libc::socklen_t {
        self.length
    }

    /// The two pointers that a call takes to write an address: to `length` bytes, and to `length` itself.
    pub(crate) fn as_mut_ptrs(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        ((&raw mut self.address).cast(), &raw mut self.length)
    }

    pub(crate) fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        // SAFETY: the bytes of `v4` are always initialized, and any bytes make a valid `sockaddr_in`.
        let v4 = unsafe { self.address.v4 };
        match libc::c_int::from(v4.sin_family) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                let port = u16::from_be(v4.sin_port);
                Ok(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                // SAFETY: the family is not `AF_INET`, so all bytes are initialized, and any make a valid
                // `sockaddr_in6`.
                let v6 = unsafe { self.address.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Ok(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            family => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the kernel gave an address of family {family}, which is neither IPv4 nor IPv6"
                ),
            )),
        }
    }
}

impl From<SocketAddr> for RawAddress {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => v4.into(),
            SocketAddr::V6(v6) => v6.into(),
        }
    }
}

impl From<SocketAddrV4> for RawAddress {
    fn from(address: SocketAddrV4) -> Self {
        let v4 = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(address.ip().octets()),
            },
            sin_zero: [0; 8],
        };
        Self {
            address: Sockaddr { v4 },
            length: size_of::<libc::sockaddr_in>() as libc::socklen_t,
        }
    }
}

impl From<SocketAddrV6> for RawAddress {
    fn from(address: SocketAddrV6) -> Self {
        let v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: address.port().to_be(),
            sin6_flowinfo: address.flowinfo(),
            sin6_addr: libc::in6_addr {
                s6_addr: address.ip().octets(),
            },
            sin6_scope_id: address.scope_id(),
        };
        Self {
            address: Sockaddr { v6 },
            length: size_of::<libc::sockaddr_in6>() as libc::socklen_t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(address: SocketAddr) -> SocketAddr {
        let raw = RawAddress::from(address);
        raw.to_socket_addr().expect("a known family")
    }

    #[test]
    fn an_address_survives_the_round_trip() {
        for text in [
            "0.0.0.0:0",
            "127.0.0.1:7000",
            "203.0.113.254:65535",
            "[::]:0",
            "[::1]:7000",
            "[2001:db8::12:34]:65535",
        ] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(there_and_back(address), address);
        }
    }

    #[test]
    fn flow_information_and_scope_survive_the_round_trip() {
        let ip = "fe80::1".parse().expect("an address");
        let address = SocketAddrV6::new(ip, 80, 0x000a_bcde, 7).into();
        assert_eq!(there_and_back(address), address);
    }

    #[test]
    fn bytes_are_in_network_order() {
        let raw = RawAddress::from(SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 0x0506));
        assert_eq!(raw.length() as usize, size_of::<libc::sockaddr_in>());
        // SAFETY: it was made from an IPv4 address.
        let v4 = unsafe { raw.address.v4 };
        assert_eq!(v4.sin_addr.s_addr.to_ne_bytes(), [1, 2, 3, 4]);
        assert_eq!(v4.sin_port.to_ne_bytes(), [5, 6]);
    }

    #[test]
    fn another_family_is_an_error() {
        let mut raw = RawAddress::room();
        raw.address.v6.sin6_family = libc::AF_UNIX as libc::sa_family_t;
        let error = raw.to_socket_addr().expect_err("not of the internet");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
