//! A future that is dropped takes nothing along, and leaves nothing behind.

mod support;

use std::io::{self, Write};
use support::{block_on, pair, pair_with_std};
use waterwheel::net::{TcpListener, TcpStream};

/// Dropping the one who waits first must not take the wake of those who wait after.
#[test]
fn a_cancelled_read_takes_nobody_elses_wake() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let (mut first, mut second) = ([0; 8], [0; 8]);
        let mut cancelled = ours.read(&mut first);
        let mut waiting = ours.read(&mut second);
        assert!(futures_util::poll!(&mut cancelled).is_pending());
        assert!(futures_util::poll!(&mut waiting).is_pending());
        theirs.write_all(b"one")?;
        drop(cancelled);
        assert_eq!(waiting.await?, 3);
        Ok(())
    })
}

#[test]
fn a_cancelled_read_exact_leaves_its_bytes_in_the_buffer() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        let mut buffer = [0; 8];
        client.write_all(b"12345").await?;
        let mut reading = server.read_exact(&mut buffer);
        while reading.filled() < 5 {
            server.readable().await?;
            assert!(futures_util::poll!(&mut reading).is_pending());
        }
        let filled = reading.filled();
        drop(reading);
        client.write_all(b"678").await?;
        server.read_exact(&mut buffer[filled..]).await?;
        assert_eq!(&buffer, b"12345678");
        Ok(())
    })
}

/// Pitfall: an accepted descriptor leaks when the future is dropped. It has not been accepted: the next accept gets it.
#[test]
fn a_cancelled_accept_loses_no_connection() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        for _ in 0..100 {
            let mut accepting = listener.accept();
            assert!(futures_util::poll!(&mut accepting).is_pending());
            let client = TcpStream::connect(listener.local_addr()?).await?;
            drop(accepting);
            let (_server, peer) = listener.accept().await?;
            assert_eq!(peer, client.local_addr()?);
        }
        Ok(())
    })
}
