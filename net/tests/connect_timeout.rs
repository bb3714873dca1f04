//! Connecting within a time, by the clock of the runtime: an address that keeps silent takes its own share of it, and no more.

mod support;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::{block_on, full_listener};
use waterwheel::Runtime;
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::time::{advance, now};

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

/// Pitfall: a limit in another crate reads the kernel's clock while time is paused (hyper#3950).
#[test]
fn paused_time_pauses_the_limit() -> io::Result<()> {
    const LONG: Duration = Duration::from_secs(10);
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .paused_time()
            .build()?;
        let begun = Instant::now();
        runtime.block_on(async {
            let (_first, first, _waiting) = full_listener().await?;
            let (_second, second, _waiting) = full_listener().await?;
            let start = now();
            let error = TcpStream::connect_timeout([first, second], LONG)
                .await
                .expect_err("both are silent");
            assert_eq!(now() - start, LONG, "on {workers} workers");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            for part in ["connect_timeout", "10s", &first.to_string(), "1 more"] {
                assert!(error.to_string().contains(part), "{error}");
            }

            // However far the clock has gone, and the kernel's has not, what is left is the runtime's to say.
            advance(Duration::from_secs(3600)).await;
            let start = now();
            let other = TcpListener::bind("127.0.0.1:0").await?;
            let both = [first, other.local_addr()?];
            TcpStream::connect_timeout(both, LONG).await?;
            assert_eq!(now() - start, Duration::from_millis(250));
            io::Result::Ok(())
        })?;
        assert!(begun.elapsed() < Duration::from_secs(9), "it was real time");
    }
    Ok(())
}

#[test]
fn a_limit_of_nothing_is_over_at_once_and_says_so() -> io::Result<()> {
    block_on(async {
        let (_listener, silent, _waiting) = full_listener().await?;
        let (_other, second, _waiting) = full_listener().await?;
        for limit in [Duration::ZERO, Duration::from_nanos(1)] {
            for silent in [&[silent][..], &[silent, second]] {
                let error = TcpStream::connect_timeout(silent, limit)
                    .await
                    .expect_err("silent");
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            }
            // A name takes longer than that to look up; whatever comes of it is told in time.
            let looked_up = TcpStream::connect_timeout(("localhost", silent.port()), limit).await;
            assert!(looked_up.is_err());
        }
        let nothing = TcpStream::connect_timeout(&[][..], Duration::ZERO).await;
        let kind = nothing.expect_err("nowhere").kind();
        assert_eq!(kind, ErrorKind::InvalidInput);
        Ok(())
    })
}

/// One has answered, and the other might still: that nobody has accepted is for the limit to say, and for the message what was heard.
#[test]
fn when_one_fails_and_one_keeps_silent_it_is_timed_out() -> io::Result<()> {
    block_on(async {
        let (_listener, silent, _waiting) = full_listener().await?;
        let socket = waterwheel::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let refused = socket.local_addr()?;
        for both in [[silent, refused], [refused, silent]] {
            let error = TcpStream::connect_timeout(both, LIMIT)
                .await
                .expect_err("nobody accepts");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let message = error.to_string();
            for part in [silent, refused].map(|address| address.to_string()) {
                assert!(message.contains(&part), "{message}");
            }
            assert!(message.contains("refused"), "{message}");
        }
        Ok(())
    })
}
