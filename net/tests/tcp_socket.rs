//! `TcpSocket`, and the options of TCP.

mod support;

use futures_util::future::{Either, select};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use support::{block_on, pair};
use waterwheel::net::{TcpListener, TcpSocket, TcpStream};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[test]
fn a_socket_becomes_a_listener_or_a_stream_and_keeps_its_options() -> io::Result<()> {
    block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(40_000)?;
        socket.set_keepalive(true)?;
        socket.bind(ANY)?;
        let bound = socket.local_addr()?;
        let listener = socket.listen(16)?;
        assert_eq!(listener.local_addr()?, bound);
        assert_eq!(listener.recv_buffer_size()?, 80_000);

        let socket = TcpSocket::new_v4()?;
        socket.set_nodelay(true)?;
        socket.set_ttl(9)?;
        socket.bind(ANY)?;
        let from = socket.local_addr()?;
        let client = socket.connect(bound).await?;
        assert_eq!(client.local_addr()?, from);
        assert!(client.nodelay()?);
        assert_eq!(client.ttl()?, 9);
        let (server, peer) = listener.accept().await?;
        assert_eq!(peer, from);
        assert!(server.keepalive()?, "it has it from the listener");
        client.write_all(b"here").await?;
        let mut word = [0; 4];
        server.read_exact(&mut word).await?;
        assert_eq!(&word, b"here");
        Ok(())
    })
}

#[test]
fn a_connection_that_is_refused_is_an_error() -> io::Result<()> {
    block_on(async {
        let taken = TcpSocket::new_v4()?;
        taken.bind(ANY)?;
        let address = taken.local_addr()?;
        let other = TcpSocket::new_v4()?;
        let error = other.bind(address).expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let error = other.connect(address).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    })
}

#[test]
fn listeners_that_share_a_port_share_its_connections() -> io::Result<()> {
    block_on(async {
        let listen = |address| {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuse_port(true)?;
            socket.bind(address)?;
            socket.listen(64)
        };
        let first = listen(ANY)?;
        let address = first.local_addr()?;
        assert!(first.reuse_port()?);
        assert!(TcpListener::bind(address).await.is_err(), "it must want so");
        let second = listen(address)?;
        let mut accepted = [false, false];
        // Which of them gets a connection is the kernel's to say, by a hash of its ends.
        while accepted.contains(&false) {
            let _client = TcpStream::connect(address).await?;
            match select(first.accept(), second.accept()).await {
                Either::Left((connection, _)) => accepted[0] = connection.is_ok(),
                Either::Right((connection, _)) => accepted[1] = connection.is_ok(),
            }
        }
        Ok(())
    })
}

#[test]
fn the_backlog_is_as_long_as_was_asked() -> io::Result<()> {
    block_on(async {
        let (_listener, address, _waiting) = support::full_listener().await?;
        let mut silent = Box::pin(TcpStream::connect(address));
        for _ in 0..3 {
            waterwheel::yield_now().await;
            assert!(futures_util::poll!(&mut silent).is_pending());
        }
        Ok(())
    })
}

#[test]
fn ipv6_with_ipv4_or_without() -> io::Result<()> {
    block_on(async {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        for only in [true, false] {
            let Ok(socket) = TcpSocket::new_v6() else {
                // Some containers have no IPv6.
                return Ok(());
            };
            socket.set_only_v6(only)?;
            assert_eq!(socket.only_v6()?, only);
            if socket.bind(any).is_err() {
                return Ok(());
            }
            let listener = socket.listen(8)?;
            assert_eq!(listener.only_v6()?, only);
            let by_ipv4 = (Ipv4Addr::LOCALHOST, listener.local_addr()?.port());
            assert_eq!(TcpStream::connect(by_ipv4).await.is_err(), only);
        }
        Ok(())
    })
}

#[test]
fn options_read_back_as_they_were_set() -> io::Result<()> {
    block_on(async {
        let (stream, _peer) = pair().await?;
        let seconds = Duration::from_secs;
        assert!(!stream.keepalive()?);
        stream.set_keepalive(true)?;
        stream.set_keepalive_time(seconds(60))?;
        stream.set_keepalive_interval(seconds(15))?;
        stream.set_keepalive_retries(4)?;
        assert!(stream.keepalive()?);
        assert_eq!(stream.keepalive_time()?, seconds(60));
        assert_eq!(stream.keepalive_interval()?, seconds(15));
        assert_eq!(stream.keepalive_retries()?, 4);
        assert_eq!(stream.user_timeout()?, None);
        stream.set_user_timeout(Some(seconds(30)))?;
        assert_eq!(stream.user_timeout()?, Some(seconds(30)));
        assert_eq!(stream.linger()?, None);
        stream.set_linger(Some(seconds(2)))?;
        assert_eq!(stream.linger()?, Some(seconds(2)));
        stream.set_linger(None)?;
        assert_eq!(stream.linger()?, None);
        stream.set_send_buffer_size(40_000)?;
        assert_eq!(stream.send_buffer_size()?, 80_000);
        stream.set_tos(0x08)?;
        assert_eq!(stream.tos()?, 0x08);
        stream.set_quickack(false)?;
        assert!(!stream.quickack()?);
        let error = stream.set_keepalive_time(Duration::ZERO);
        assert_eq!(error.expect_err("none").kind(), ErrorKind::InvalidInput);
        assert!(stream.set_ttl(256).is_err());
        Ok(())
    })
}

/// No time to linger: what is unsent is thrown away, and the peer sees a reset instead of an end.
#[test]
fn a_stream_that_does_not_linger_resets() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.set_linger(Some(Duration::ZERO))?;
        drop(client);
        let error = server.read(&mut [0]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        Ok(())
    })
}

#[test]
fn a_socket_may_come_from_elsewhere() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind(ANY).await?;
        let fd = OwnedFd::from(TcpSocket::new_v4()?);
        let socket = TcpSocket::try_from(fd)?;
        assert!(format!("{socket:?}").contains("TcpSocket"));
        let client = socket.connect(listener.local_addr()?).await?;
        assert_eq!(client.peer_addr()?, listener.local_addr()?);
        Ok(())
    })
}
