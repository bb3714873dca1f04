//! A future that is dropped takes nothing along, and leaves nothing behind.

mod support;

use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use support::{block_on, pair, pair_with_std};
use waterwheel::net::{TcpListener, TcpStream};

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Pitfall: cancelled waiters accumulate (async-io).
#[test]
fn cancelled_reads_lose_nothing_and_leave_nothing() -> io::Result<()> {
    const READS: usize = 100_000;
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let nobody = Arc::new(Nobody);
        let waker = Waker::from(Arc::clone(&nobody));
        let mut cx = Context::from_waker(&waker);
        let (mut sent, mut received) = (0u32, Vec::new());
        for round in 0..READS {
            let mut buffer = [0; 16];
            let mut reading = ours.read(&mut buffer);
            let polled = Pin::new(&mut reading).poll(&mut cx);
            drop(reading);
            if let Poll::Ready(count) = polled {
                received.extend_from_slice(&buffer[..count?]);
            }
            if round % 1000 == 0 {
                theirs.write_all(&sent.to_le_bytes())?;
                sent += 1;
                ours.readable().await?;
            }
        }
        drop(theirs);
        let mut buffer = [0; 1024];
        loop {
            match ours.read(&mut buffer).await? {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        let expected: Vec<u8> = (0..sent).flat_map(u32::to_le_bytes).collect();
        assert_eq!(received, expected);
        drop(waker);
        assert_eq!(Arc::strong_count(&nobody), 1, "a waker was left behind");
        Ok(())
    })
}

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
