//! Where listeners may listen, and what they say when they may not.

mod support;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use support::block_on;
use waterwheel::net::{TcpListener, TcpStream};

#[test]
fn a_port_in_use_is_addr_in_use() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let taken = listener.local_addr()?;
        let error = TcpListener::bind(taken).await.expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
        TcpListener::bind(taken).await?;
        Ok(())
    })
}

/// SO_REUSEADDR: the connections of a former listener linger at its port, and hinder nobody.
#[test]
fn a_port_can_be_had_again_while_connections_linger() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let client = TcpStream::connect(address).await?;
        let (server, _) = listener.accept().await?;
        drop((server, listener));
        assert_eq!(client.read(&mut [0]).await?, 0);
        drop(client);
        TcpListener::bind(address).await?;
        Ok(())
    })
}

#[test]
fn addresses_are_tried_in_turn() -> io::Result<()> {
    block_on(async {
        let taken = TcpListener::bind("127.0.0.1:0").await?.into_std();
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let listener = TcpListener::bind(&[taken.local_addr()?, free][..]).await?;
        assert_ne!(listener.local_addr()?, taken.local_addr()?);
        Ok(())
    })
}

#[test]
fn no_address_at_all_is_an_error_that_says_so() {
    block_on(async {
        let error = TcpListener::bind(&[][..]).await.expect_err("nowhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("TcpListener::bind"), "{error}");
    });
}

#[test]
fn both_families_can_be_listened_at_and_connected_to() -> io::Result<()> {
    block_on(async {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = match TcpListener::bind(address).await {
                Err(error) if cannot_ipv6(&error) => continue,
                listener => listener?,
            };
            let address = listener.local_addr()?;
            let client = TcpStream::connect(address).await?;
            let (server, peer) = listener.accept().await?;
            assert_eq!(peer, client.local_addr()?);
            assert_eq!(server.peer_addr()?, peer);
            assert_eq!(server.local_addr()?, address);
            assert_eq!(client.peer_addr()?, address);
        }
        Ok(())
    })
}

/// Some containers have no IPv6.
fn cannot_ipv6(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

#[test]
fn debug_output_names_the_ends() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        assert!(format!("{listener:?}").contains(&address));
        let client = TcpStream::connect(listener.local_addr()?).await?;
        assert!(format!("{client:?}").contains(&address));
        Ok(())
    })
}
