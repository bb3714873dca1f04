//! What an address must be, read from the kernel's bytes one by one; for the tests of [`super`], and for `fuzz/fuzz_targets/address.rs`.

use super::RawAddress;
use super::sealed::Form;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixAddr;

/// Where the name begins in a `sockaddr_un`: behind the family.
const NAME: usize = 2;

/// A call has written these bytes as an address, and has told their number as its length: more than there is room for are cut, as the
/// kernel does. Whatever they are, each form takes them for what they are, or says that they are of another family.
pub(crate) fn compare(written: &[u8]) {
    let mut raw = RawAddress::room();
    let room = raw.length() as usize;
    let count = written.len().min(room);
    // SAFETY: there is room for so many bytes, which nobody else sees; the two do not overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(written.as_ptr(), raw.as_mut_ptr().cast::<u8>(), count);
    }
    raw.written(written.len().try_into().unwrap_or(u32::MAX));
    assert_eq!(raw.length() as usize, count, "never beyond the room");

    // What the call has not written is zero, as it was before.
    let mut bytes = written[..count].to_vec();
    bytes.resize(room, 0);
    internet(&raw, &bytes);
    unix(&raw, &bytes, count);
}

fn family(bytes: &[u8]) -> i32 {
    i32::from(u16::from_ne_bytes([bytes[0], bytes[1]]))
}

fn internet(raw: &RawAddress, bytes: &[u8]) {
    let array = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).expect("four");
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let address: SocketAddr = match (SocketAddr::from_raw(raw), family(bytes)) {
        (Ok(SocketAddr::V4(v4)), libc::AF_INET) => {
            assert_eq!(v4.ip().octets(), array(4));
            assert_eq!(v4.port(), port);
            v4.into()
        }
        (Ok(SocketAddr::V6(v6)), libc::AF_INET6) => {
            assert_eq!(v6.ip().octets(), bytes[8..24]);
            assert_eq!(v6.port(), port);
            assert_eq!(v6.flowinfo(), u32::from_ne_bytes(array(4)));
            assert_eq!(v6.scope_id(), u32::from_ne_bytes(array(24)));
            v6.into()
        }
        (Err(error), family) if family != libc::AF_INET && family != libc::AF_INET6 => {
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains(&format!("family {family},")));
            return;
        }
        (address, family) => panic!("{address:?} of family {family}"),
    };
    assert_eq!(back(&address), address);
}

fn unix(raw: &RawAddress, bytes: &[u8], count: usize) {
    let family = family(bytes);
    let name = bytes[..count].get(NAME..).unwrap_or_default();
    let address = match UnixAddr::from_raw(raw) {
        Ok(address) => address,
        // No kernel gives one so long.
        Err(error) if family == libc::AF_UNIX || family == libc::AF_UNSPEC => {
            assert!(name[0] == 0 && name.len() > 108, "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            return;
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains(&format!("family {family} ")));
            return;
        }
    };
    assert!(family == libc::AF_UNIX || family == libc::AF_UNSPEC);
    let path = name.split(|&byte| byte == 0).next().unwrap_or_default();
    match name {
        [0, name @ ..] => assert_eq!(address.as_abstract_name(), Some(name)),
        // Nothing, or what has no room for its NUL.
        _ if path.is_empty() || path.len() > 107 => assert!(address.is_unnamed()),
        _ => assert_eq!(path_of(&address), Some(path)),
    }
    let back = back(&address);
    assert_eq!(back.as_abstract_name(), address.as_abstract_name());
    assert_eq!(path_of(&back), path_of(&address));
    assert_eq!(back.is_unnamed(), address.is_unnamed());
}

fn path_of(address: &UnixAddr) -> Option<&[u8]> {
    address
        .as_pathname()
        .map(|path| path.as_os_str().as_bytes())
}

/// To the kernel's form and back, by way of no more bytes than are told to the kernel.
fn back<A: Form>(address: &A) -> A {
    let raw = address.to_raw();
    let length = raw.length() as usize;
    let mut copy = RawAddress::room();
    assert!(length <= copy.length() as usize);
    // SAFETY: both have so many bytes, all initialized; the two do not overlap.
    unsafe {
        let (from, to) = (raw.as_ptr().cast::<u8>(), copy.as_mut_ptr().cast::<u8>());
        std::ptr::copy_nonoverlapping(from, to, length);
    }
    copy.written(raw.length());
    A::from_raw(&copy).expect("a known family")
}
