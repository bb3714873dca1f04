//! [`ToSocketAddrs`]: what names addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// What names one address or several: [`SocketAddr`] and its kin, a pair of an IP address or a host's name and a port, a
/// string such as `"127.0.0.1:80"`, `"[::1]:80"` or `"localhost:80"`, and a list of [`SocketAddr`]s.
///
/// It stands for the trait of the same name in the standard library, and takes the same. But to ask that one for the
/// addresses of a host's name blocks the thread, and here a name is looked up by
/// [`spawn_blocking`](waterwheel_executor::spawn_blocking). If there is no thread for that, the operation that needs the name's addresses
/// fails with an error of the kind [`Other`](io::ErrorKind::Other). Addresses need nothing of this.
///
/// It cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use waterwheel::net::{TcpListener, TcpStream};
///
/// waterwheel::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let port = listener.local_addr()?.port();
///     TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
///     TcpStream::connect(("localhost", port)).await?;
///     TcpStream::connect(format!("localhost:{port}")).await?;
///     TcpStream::connect(&[SocketAddr::from(([127, 0, 0, 1], port))][..]).await?;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub trait ToSocketAddrs: sealed::Names {}

impl<T: sealed::Names + ?Sized> ToSocketAddrs for T {}

pub(crate) mod sealed {
    use super::{SocketAddr, io};

    /// What it comes to.
    #[derive(Debug)]
    pub enum Named<'a> {
        /// An address.
        One(SocketAddr),
        /// Addresses.
        Several(&'a [SocketAddr]),
        /// A name, whose addresses are still to be found, and a port.
        Host(&'a str, u16),
    }

    pub trait Names {
        /// What it comes to, without asking anybody.
        ///
        /// # Errors
        ///
        /// `InvalidInput` if it is a string that has not the form of one.
        fn named(&self) -> io::Result<Named<'_>>;
    }
}

use sealed::{Named, Names};

impl Names for SocketAddr {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One(*self))
    }
}

impl Names for SocketAddrV4 {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One((*self).into()))
    }
}

impl Names for SocketAddrV6 {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One((*self).into()))
    }
}

impl Names for (IpAddr, u16) {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One((*self).into()))
    }
}

impl Names for (Ipv4Addr, u16) {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One((*self).into()))
    }
}

impl Names for (Ipv6Addr, u16) {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::One((*self).into()))
    }
}

impl Names for (&str, u16) {
    fn named(&self) -> io::Result<Named<'_>> {
        let (host, port) = *self;
        Ok(host_and_port(host, port))
    }
}

impl Names for (String, u16) {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(host_and_port(&self.0, self.1))
    }
}

impl Names for str {
    fn named(&self) -> io::Result<Named<'_>> {
        if let Ok(address) = self.parse() {
            return Ok(Named::One(address));
        }
        let parts = self.rsplit_once(':');
        let Some((host, Ok(port))) = parts.map(|(host, port)| (host, port.parse())) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "`{self}` names no address: write `HOST:PORT`, the port a number, or `[ADDRESS]:PORT` for IPv6"
                ),
            ));
        };
        Ok(host_and_port(host, port))
    }
}

impl Names for String {
    fn named(&self) -> io::Result<Named<'_>> {
        self.as_str().named()
    }
}

impl Names for [SocketAddr] {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::Several(self))
    }
}

impl<const N: usize> Names for [SocketAddr; N] {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::Several(self))
    }
}

impl Names for Vec<SocketAddr> {
    fn named(&self) -> io::Result<Named<'_>> {
        Ok(Named::Several(self))
    }
}

impl<T: Names + ?Sized> Names for &T {
    fn named(&self) -> io::Result<Named<'_>> {
        (**self).named()
    }
}

fn host_and_port(host: &str, port: u16) -> Named<'_> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Named::One((ip, port).into()),
        Err(_) => Named::Host(host, port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_one(names: impl ToSocketAddrs, expected: &str) {
        let expected: SocketAddr = expected.parse().expect("an address");
        match names.named() {
            Ok(Named::One(address)) => assert_eq!(address, expected),
            named => panic!("{named:?} is not {expected}"),
        }
    }

    #[track_caller]
    fn is_host(names: impl ToSocketAddrs, expected: (&str, u16)) {
        match names.named() {
            Ok(Named::Host(host, port)) => assert_eq!((host, port), expected),
            named => panic!("{named:?} is not {expected:?}"),
        }
    }

    #[test]
    fn an_address_is_known_without_asking() {
        let v4: SocketAddr = "127.0.0.1:80".parse().expect("an address");
        is_one(v4, "127.0.0.1:80");
        is_one(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80), "127.0.0.1:80");
        is_one(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0), "[::1]:80");
        is_one((Ipv4Addr::LOCALHOST, 80), "127.0.0.1:80");
        is_one((Ipv6Addr::LOCALHOST, 80), "[::1]:80");
        is_one((IpAddr::V4(Ipv4Addr::LOCALHOST), 80), "127.0.0.1:80");
        is_one(("127.0.0.1", 80), "127.0.0.1:80");
        is_one(("::1".to_owned(), 80), "[::1]:80");
        is_one("[::1]:80", "[::1]:80");
        let text = "127.0.0.1:80".to_owned();
        is_one(&text, "127.0.0.1:80");
        is_one(text, "127.0.0.1:80");
    }

    #[test]
    fn a_name_is_left_to_be_looked_up() {
        is_host("localhost:80", ("localhost", 80));
        is_host("example.org:0".to_owned(), ("example.org", 0));
        is_host(("localhost", 80), ("localhost", 80));
        is_host(("localhost".to_owned(), 80), ("localhost", 80));
    }

    #[test]
    fn a_list_is_taken_as_it_is() {
        let list = [SocketAddr::from(([127, 0, 0, 1], 1)); 2];
        for named in [list.named(), list[..].named(), list.to_vec().named()] {
            assert!(matches!(named, Ok(Named::Several(addresses)) if addresses == list));
        }
    }

    #[test]
    fn what_has_not_the_form_of_an_address_is_an_error_that_shows_the_form() {
        for text in [
            "localhost",
            "localhost:http",
            "localhost:70000",
            "",
            ":",
            "::1",
        ] {
            // The last one has the form of a name and a port, and the name is one that nobody has.
            match text.named() {
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                    assert!(error.to_string().contains("HOST:PORT"), "{error}");
                }
                named => assert_eq!(text, "::1", "{named:?}"),
            }
        }
    }
}
