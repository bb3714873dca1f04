//! How a stream ends: the data first, then the end; and one direction without the other.

mod support;

use std::io::{self, Read, Write};
use std::net::{self, Shutdown};
use std::os::fd::AsRawFd;
use std::task::Poll;
use support::{block_on, counting_polls, pair, pair_with_std};

/// Pitfall: data lost at RDHUP (netty#4325).
///
/// One event tells of the data and of the end, and no other will.
#[test]
fn data_and_fin_in_one_segment_give_the_data_and_then_the_end() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut buffer = [0; 64];
        let mut reading = ours.read(&mut buffer);
        assert!(futures_util::poll!(&mut reading).is_pending());
        send_with_the_end(theirs, b"last words");
        assert_eq!(reading.await?, 10);
        assert_eq!(&buffer[..10], b"last words");
        for _ in 0..3 {
            let (read, polls) = counting_polls(ours.read(&mut buffer)).await;
            assert_eq!((read?, polls), (0, 1));
        }
        Ok(())
    })
}

/// Sends `words` and FIN in one segment: `MSG_MORE` keeps the words back until there is more, and that is the end.
fn send_with_the_end(stream: net::TcpStream, words: &[u8]) {
    let (from, length) = (words.as_ptr().cast(), words.len());
    // SAFETY: the kernel reads `length` bytes from `words`.
    let sent = unsafe { libc::send(stream.as_raw_fd(), from, length, libc::MSG_MORE) };
    assert_eq!(sent.cast_unsigned(), length);
    drop(stream);
}

/// Pitfall: RDHUP taken for HUP (mio#939).
#[test]
fn what_the_peer_ends_may_be_answered() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        theirs.write_all(b"question")?;
        theirs.shutdown(Shutdown::Write)?;
        let mut question = [0; 8];
        ours.read_exact(&mut question).await?;
        assert_eq!(ours.read(&mut question).await?, 0);

        ours.write_all(b"answer").await?;
        ours.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        theirs.read_to_string(&mut answer)?;
        assert_eq!(answer, "answer");
        Ok(())
    })
}

/// Pitfall: RDHUP taken for HUP, a write spin (mio#939).
#[test]
fn a_half_close_wakes_no_writer_that_has_no_room() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 32 << 20];
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        theirs.shutdown(Shutdown::Write)?;
        assert_eq!(ours.read(&mut [0]).await?, 0);
        assert!(futures_util::poll!(&mut writing).is_pending());
        Ok(())
    })
}

#[test]
fn both_ends_may_end_their_writing_in_turn() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.shutdown(Shutdown::Write)?;
        assert_eq!(server.read(&mut [0; 8]).await?, 0);
        server.write_all(b"still here").await?;
        let mut answer = [0; 10];
        client.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"still here");
        server.shutdown(Shutdown::Write)?;
        assert_eq!(client.read(&mut answer).await?, 0);
        let error = client
            .write(b"too late")
            .await
            .expect_err("we said it was the end");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        Ok(())
    })
}

#[test]
fn ending_our_own_reading_wakes_who_reads() -> io::Result<()> {
    block_on(async {
        let (ours, _theirs) = pair_with_std()?;
        let mut buffer = [0; 8];
        let mut reading = ours.read(&mut buffer);
        assert!(futures_util::poll!(&mut reading).is_pending());
        ours.shutdown(Shutdown::Read)?;
        assert_eq!(reading.await?, 0);
        Ok(())
    })
}

#[test]
fn read_exact_tells_how_far_it_came_before_the_end() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        theirs.write_all(b"half")?;
        let mut buffer = [b'.'; 8];
        let mut reading = ours.read_exact(&mut buffer);
        while reading.filled() < 4 {
            ours.readable().await?;
            assert!(futures_util::poll!(&mut reading).is_pending());
        }
        drop(theirs);
        let error = (&mut reading).await.expect_err("four bytes are missing");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the stream ended after 4 of 8 bytes");
        assert_eq!(reading.filled(), 4);
        drop(reading);
        assert_eq!(&buffer, b"half....");
        Ok(())
    })
}

#[test]
fn an_empty_buffer_is_neither_waited_for_nor_the_end() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let mut empty = [io::IoSliceMut::new(&mut []), io::IoSliceMut::new(&mut [])];
        for ready in [
            futures_util::poll!(ours.read(&mut [])),
            futures_util::poll!(ours.peek(&mut [])),
            futures_util::poll!(ours.read_vectored(&mut empty)),
            futures_util::poll!(ours.read_vectored(&mut [])),
            futures_util::poll!(ours.write(&[])),
            futures_util::poll!(ours.write_vectored(&[])),
            Poll::Ready(ours.try_read(&mut [])),
            Poll::Ready(ours.try_read_vectored(&mut empty)),
        ] {
            assert!(matches!(ready, Poll::Ready(Ok(0))), "{ready:?}");
        }
        assert!(matches!(
            futures_util::poll!(ours.read_exact(&mut [])),
            Poll::Ready(Ok(()))
        ));
        assert!(matches!(
            futures_util::poll!(ours.write_all(&[])),
            Poll::Ready(Ok(()))
        ));
        theirs.write_all(b"data")?;
        assert_eq!(ours.read(&mut [0; 8]).await?, 4);
        Ok(())
    })
}
