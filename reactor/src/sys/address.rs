//! `ip(7)`, `ipv6(7)`, `unix(7)`: the standard library's addresses as the kernel writes them, and back.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;

/// What the calls of a socket take and give as its address: [`SocketAddr`] for the internet families, and
/// [`std::os::unix::net::SocketAddr`] for Unix sockets.
///
/// It cannot be implemented elsewhere.
pub trait Address: sealed::Form {}

impl Address for SocketAddr {}
impl Address for UnixAddr {}

pub(crate) mod sealed {
    use super::{RawAddress, io};

    /// The way to the kernel's form and back.
    pub trait Form: Sized {
        /// The kernel's form.
        fn to_raw(&self) -> RawAddress;

        /// What a call has written.
        ///
        /// # Errors
        ///
        /// `InvalidData` if it is of another family.
        fn from_raw(raw: &RawAddress) -> io::Result<Self>;
    }
}

/// As many bytes as the longest address has, a `sockaddr_un`, and as the alignment of the others makes of that.
const ROOM: usize =
    size_of::<libc::sockaddr_un>().next_multiple_of(align_of::<libc::sockaddr_in6>());

/// Where the name begins in a `sockaddr_un`.
const NAME: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

/// An address of any of the families. All begin with the family, at the same place and of the same type.
#[derive(Clone, Copy)]
#[repr(C)]
union Sockaddr {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    bytes: [u8; ROOM],
}

/// An address in the kernel's form, with its length, to be passed to a call or filled by one.
///
/// **Invariant.** All bytes are initialized, and `length` is no more than there are. (No member has padding.)
#[derive(Clone, Copy)]
pub struct RawAddress {
    address: Sockaddr,
    length: libc::socklen_t,
}

impl RawAddress {
    /// Room for a call to write an address of any family to.
    #[inline]
    pub(crate) fn room() -> Self {
        Self {
            address: Sockaddr { bytes: [0; ROOM] },
            length: ROOM as libc::socklen_t,
        }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.address).cast()
    }

    pub(crate) fn length(&self) -> libc::socklen_t {
        self.length
    }

    /// Where a call may write an address of `length` bytes.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.address).cast()
    }

    /// Notes how long the address is that a call has written. The kernel tells the full length of what it had to cut.
    pub(crate) fn written(&mut self, length: libc::socklen_t) {
        self.length = length.min(ROOM as libc::socklen_t);
    }

    fn family(&self) -> libc::c_int {
        // SAFETY: all bytes are initialized, and any make a valid integer.
        libc::c_int::from(unsafe { self.address.family })
    }

    /// The name that stands in an address of a Unix socket: nothing, a path, or NUL and an abstract name.
    fn name(&self) -> &[u8] {
        // SAFETY: all bytes are initialized.
        let bytes = unsafe { &self.address.bytes };
        bytes.get(NAME..self.length as usize).unwrap_or_default()
    }
}

impl sealed::Form for SocketAddr {
    fn to_raw(&self) -> RawAddress {
        match self {
            SocketAddr::V4(v4) => v4.into(),
            SocketAddr::V6(v6) => v6.into(),
        }
    }

    fn from_raw(raw: &RawAddress) -> io::Result<Self> {
        match raw.family() {
            libc::AF_INET => {
                // SAFETY: all bytes are initialized, and any make a valid `sockaddr_in`.
                let v4 = unsafe { raw.address.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                let port = u16::from_be(v4.sin_port);
                Ok(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                // SAFETY: all bytes are initialized, and any make a valid `sockaddr_in6`.
                let v6 = unsafe { raw.address.v6 };
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

impl From<&SocketAddrV4> for RawAddress {
    fn from(address: &SocketAddrV4) -> Self {
        let mut raw = Self::room();
        raw.address.v4 = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(address.ip().octets()),
            },
            sin_zero: [0; 8],
        };
        raw.length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        raw
    }
}

impl From<&SocketAddrV6> for RawAddress {
    fn from(address: &SocketAddrV6) -> Self {
        let mut raw = Self::room();
        raw.address.v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: address.port().to_be(),
            sin6_flowinfo: address.flowinfo(),
            sin6_addr: libc::in6_addr {
                s6_addr: address.ip().octets(),
            },
            sin6_scope_id: address.scope_id(),
        };
        raw.length = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        raw
    }
}

/// A path has a NUL after it, an abstract name one before, and a socket without a name nothing but the family.
impl sealed::Form for UnixAddr {
    fn to_raw(&self) -> RawAddress {
        let mut raw = RawAddress::room();
        let (at, name, after) = match (self.as_pathname(), self.as_abstract_name()) {
            (Some(path), _) => (NAME, path.as_os_str().as_bytes(), 1),
            (None, Some(name)) => (NAME + 1, name, 0),
            (None, None) => (NAME, &[][..], 0),
        };
        // What the standard library lets into its address, it has checked for length: the path with its NUL, and
        // the name with its own, have at most the 108 bytes that there are.
        let mut bytes = [0; ROOM];
        bytes[at..at + name.len()].copy_from_slice(name);
        raw.address.bytes = bytes;
        raw.address.family = libc::AF_UNIX as libc::sa_family_t;
        raw.length = (at + name.len() + after) as libc::socklen_t;
        raw
    }

    /// A path of 108 bytes, which leaves no room for its NUL, is one that the kernel allows and the standard library
    /// cannot express: it is told as no name at all, rather than lose the socket that bears it.
    fn from_raw(raw: &RawAddress) -> io::Result<Self> {
        let name = raw.name();
        match raw.family() {
            // The kernel does not even write the family of one who has no name, when it tells who sent a datagram.
            libc::AF_UNIX | libc::AF_UNSPEC => {}
            family => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the kernel gave an address of family {family} for a Unix socket"),
                ));
            }
        }
        let unnamed = || Self::from_pathname(Path::new(""));
        match name {
            [] => unnamed(),
            [0, name @ ..] => Self::from_abstract_name(name),
            path => {
                let end = path.iter().position(|&byte| byte == 0);
                let path = OsStr::from_bytes(&path[..end.unwrap_or(path.len())]);
                Self::from_pathname(path).or_else(|_| unnamed())
            }
        }
    }
}

// By its path, so that it is found by way of `fuzz/fuzz_targets/address.rs`, too.
#[cfg(test)]
#[path = "address/oracle.rs"]
mod oracle;

#[cfg(test)]
mod tests {
    use super::sealed::Form;
    use super::*;
    use crate::cases;
    use proptest::prelude::*;

    fn there_and_back<A: Form>(address: &A) -> A {
        A::from_raw(&address.to_raw()).expect("a known family")
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
            assert_eq!(there_and_back(&address), address);
        }
    }

    #[test]
    fn flow_information_and_scope_survive_the_round_trip() {
        let ip = "fe80::1".parse().expect("an address");
        let address = SocketAddr::from(SocketAddrV6::new(ip, 80, 0x000a_bcde, 7));
        assert_eq!(there_and_back(&address), address);
    }

    #[test]
    fn bytes_are_in_network_order() {
        let raw = RawAddress::from(&SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 0x0506));
        assert_eq!(raw.length() as usize, size_of::<libc::sockaddr_in>());
        // SAFETY: all bytes are initialized.
        let v4 = unsafe { raw.address.v4 };
        assert_eq!(v4.sin_addr.s_addr.to_ne_bytes(), [1, 2, 3, 4]);
        assert_eq!(v4.sin_port.to_ne_bytes(), [5, 6]);
    }

    #[test]
    fn another_family_is_an_error() {
        let unix = UnixAddr::from_pathname("/tmp/socket").expect("an address");
        let error = SocketAddr::from_raw(&unix.to_raw()).expect_err("not of the internet");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
        let error = UnixAddr::from_raw(&v4.to_raw()).expect_err("no Unix socket");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn paths_and_abstract_names_of_every_length_survive_the_round_trip() {
        for length in 1..=107 {
            let name = "n".repeat(length);
            let path = UnixAddr::from_pathname(&name).expect("short enough");
            let back = there_and_back(&path);
            assert_eq!(back.as_pathname(), Some(Path::new(&name)));
            let address = UnixAddr::from_abstract_name(&name).expect("short enough");
            let back = there_and_back(&address);
            assert_eq!(back.as_abstract_name(), Some(name.as_bytes()));
        }
    }

    #[test]
    fn an_abstract_name_may_have_any_bytes() {
        let name = b"\0with\0NUL\xff\0";
        let address = UnixAddr::from_abstract_name(name).expect("short enough");
        assert_eq!(there_and_back(&address).as_abstract_name(), Some(&name[..]));
    }

    #[test]
    fn no_name_is_no_name_in_all_its_forms() {
        let unnamed = UnixAddr::from_pathname("").expect("an address");
        assert!(there_and_back(&unnamed).is_unnamed());
        let mut raw = RawAddress::room();
        raw.written(0);
        let from_recvfrom = UnixAddr::from_raw(&raw).expect("no name");
        assert!(from_recvfrom.is_unnamed());
    }

    /// The kernel ends it with a NUL beyond a `sockaddr_un`, and says so by its length.
    #[test]
    fn a_path_too_long_for_the_standard_library_is_told_as_no_name() {
        let mut raw = RawAddress::room();
        raw.address.bytes = [b'n'; ROOM];
        raw.address.family = libc::AF_UNIX as libc::sa_family_t;
        raw.written(111);
        assert!(UnixAddr::from_raw(&raw).expect("no error").is_unnamed());
    }

    /// Addresses as the kernel writes them, cut or spoilt anywhere.
    fn written() -> impl Strategy<Value = Vec<u8>> {
        let family = prop_oneof![
            4 => prop::sample::select(vec![libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_UNSPEC])
                .prop_map(|family| family as libc::sa_family_t),
            1 => any::<libc::sa_family_t>(),
        ];
        let byte = prop_oneof![1 => Just(0), 4 => any::<u8>()];
        let few = prop::collection::vec(byte, 0..40);
        let many = prop::collection::vec(prop_oneof![1 => Just(0), 200 => 1..=u8::MAX], 100..120);
        (family, prop_oneof![few, many], any::<bool>()).prop_map(
            |(family, mut rest, is_abstract)| {
                if let Some(first) = rest.first_mut().filter(|_| is_abstract) {
                    *first = 0;
                }
                let mut bytes = family.to_ne_bytes().to_vec();
                bytes.append(&mut rest);
                bytes
            },
        )
    }

    proptest! {
        #![proptest_config(cases::config(2_000))]

        #[test]
        fn whatever_the_kernel_writes_is_an_address_or_another_family(written in written()) {
            oracle::compare(&written);
        }

        #[test]
        fn whatever_bytes_are_written_are_an_address_or_another_family(written in prop::collection::vec(any::<u8>(), 0..200)) {
            oracle::compare(&written);
        }
    }
}
