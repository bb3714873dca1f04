//! Connecting within a time: an address that keeps silent takes its own share of it, and no more.

mod support;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::{block_on, full_listener};
use waterwheel::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn an_address_that_keeps_silent_is_timed_out() -> io::Result<()> {
    block_on(async {
        let (_listener, silent, _waiting) = full_listener().await?;
        let begun = Instant::now();
        let error = TcpStream::connect_timeout(silent, LIMIT)
            .await
            .expect_err("silent");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= LIMIT, "not before its time");
        assert!(error.to_string().contains(&silent.to_string()), "{error}");
        Ok(())
    })
}

#[test]
fn the_address_after_one_that_keeps_silent_is_tried_too() -> io::Result<()> {
    block_on(async {
        let (_listener, silent, _waiting) = full_listener().await?;
        let other = TcpListener::bind("127.0.0.1:0").await?;
        let address = other.local_addr()?;
        let begun = Instant::now();
        let both = [silent, address];
        let stream = TcpStream::connect_timeout(both, LIMIT).await?;
        assert_eq!(stream.peer_addr()?, address);
        assert!(begun.elapsed() >= LIMIT / 2, "the first had its share");
        Ok(())
    })
}

#[test]
fn who_answers_is_connected_however_long_the_limit() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        for limit in [Duration::from_secs(60), Duration::MAX] {
            TcpStream::connect_timeout(address, limit).await?;
            TcpStream::connect_timeout(("localhost", address.port()), limit).await?;
        }
        Ok(())
    })
}

#[test]
fn other_errors_are_told_as_they_are() -> io::Result<()> {
    block_on(async {
        let socket = waterwheel::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let error = TcpStream::connect_timeout(socket.local_addr()?, LIMIT)
            .await
            .expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect_timeout(&[][..], LIMIT)
            .await
            .expect_err("nowhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("connect_timeout"), "{error}");
        Ok(())
    })
}
