//! `readable` and `writable`: everybody is woken, and nobody for nothing for ever.

mod support;

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use support::{block_on, counting_polls, pair, pair_with_std};
use waterwheel::net::{UdpSocket, UnixDatagram, UnixStream};

/// Many tasks wait for one stream: nobody's waker is displaced by another's.
#[test]
fn all_who_wait_for_readable_are_woken() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let ours = Arc::new(ours);
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let ours = Arc::clone(&ours);
                waterwheel::spawn(async move { counting_polls(ours.readable()).await })
            })
            .collect();
        waterwheel::yield_now().await;
        theirs.write_all(b"for all of you")?;
        for task in waiting {
            let (readable, polls) = task.await.expect("no panic");
            readable?;
            assert!(polls <= 3, "polled {polls} times");
        }
        assert_eq!(ours.try_read(&mut [0; 64])?, 14);
        Ok(())
    })
}

#[test]
fn try_read_clears_what_readable_waits_for() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let mut buffer = [0; 64];
        let nothing = ours.try_read(&mut buffer).expect_err("nothing");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        for round in 0..100 {
            theirs.write_all(b"again")?;
            let (readable, polls) = counting_polls(ours.readable()).await;
            readable?;
            assert!(polls <= 2, "round {round}: polled {polls} times");
            assert_eq!(ours.try_read(&mut buffer)?, 5);
            let nothing = ours.try_read(&mut buffer).expect_err("nothing more");
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            assert!(
                futures_util::poll!(ours.readable()).is_pending(),
                "round {round}"
            );
        }
        Ok(())
    })
}

/// Peeking drains nothing, so a peek that does not fill its buffer leaves the stream ready.
#[test]
fn what_was_peeked_is_still_there() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let mut buffer = [0; 64];
        assert!(futures_util::poll!(ours.peek(&mut buffer)).is_pending());
        theirs.write_all(b"look")?;
        for _ in 0..3 {
            assert_eq!(ours.peek(&mut buffer).await?, 4);
            assert_eq!(&buffer[..4], b"look");
        }
        let (readable, polls) = counting_polls(ours.readable()).await;
        readable?;
        assert_eq!(polls, 1);
        let (read, polls) = counting_polls(ours.read(&mut buffer)).await;
        assert_eq!((read?, polls), (4, 1));
        assert!(futures_util::poll!(ours.peek(&mut buffer)).is_pending());
        drop(theirs);
        assert_eq!(ours.peek(&mut buffer).await?, 0);
        assert_eq!(ours.read(&mut buffer).await?, 0);
        Ok(())
    })
}

#[test]
fn a_reader_and_a_writer_wait_without_each_other() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let message = vec![0; 32 << 20];
        let mut buffer = [0; 8];
        let mut reading = ours.read(&mut buffer);
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut reading).is_pending());
        assert!(futures_util::poll!(&mut writing).is_pending());
        theirs.write_all(b"data")?;
        assert_eq!(reading.await?, 4, "though the writer has no room");
        assert!(futures_util::poll!(&mut writing).is_pending());
        Ok(())
    })
}

/// Waits for each direction of a socket, of which one has registered it: what nobody has told of is not ready.
macro_rules! assert_silent {
    ($socket:expr) => {
        for round in 0..10 {
            let polled = futures_util::poll!($socket.readable());
            assert!(polled.is_pending(), "round {round}: {polled:?}");
            waterwheel::yield_now().await;
            $socket.writable().await?;
        }
        let polled = futures_util::poll!($socket.readable());
        assert!(polled.is_pending(), "{polled:?}");
    };
}

/// Pitfall: readiness that is assumed and not told makes `readable()` resolve at once on a silent peer.
#[test]
fn a_silent_peer_makes_nothing_readable_whoever_registered_the_socket() -> io::Result<()> {
    block_on(async {
        // Its handshake has waited to write.
        let (client, server) = pair().await?;
        assert_silent!(client);
        assert_silent!(server);
        server.write_all(b"!").await?;
        client.readable().await?;
        assert_eq!(client.try_read(&mut [0; 8])?, 1);

        let (ours, theirs) = UnixStream::pair()?;
        ours.writable().await?;
        assert_silent!(ours);
        let (reader, writer) = theirs.into_split();
        writer.writable().await?;
        assert!(futures_util::poll!(reader.readable()).is_pending());

        let (ours, theirs) = UnixDatagram::pair()?;
        ours.writable().await?;
        assert_silent!(ours);
        theirs.send(b"!").await?;
        ours.readable().await?;

        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        udp.writable().await?;
        assert_silent!(udp);
        udp.send_to(b"!", udp.local_addr()?).await?;
        udp.readable().await?;
        Ok(())
    })
}

#[test]
fn a_full_stream_is_not_writable_though_its_reader_registered_it() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        while ours.try_write(&[0; 4096]).is_ok() {}
        for _ in 0..10 {
            assert!(futures_util::poll!(ours.readable()).is_pending());
            assert!(futures_util::poll!(ours.writable()).is_pending());
            waterwheel::yield_now().await;
        }
        while theirs.try_read(&mut [0; 65536]).is_ok() {}
        ours.writable().await
    })
}
