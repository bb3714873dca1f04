//! How a Unix stream ends: as one of TCP does, by an end, by a reset, and one direction without the other.

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use support::{Hash, Random, block_on, counting_polls};
use waterwheel::net::UnixStream;
use waterwheel::reactor::Reactor;

const SEED: u64 = 0x0e4d_1465_0000_5eed;

/// The second blocks.
fn pair_with_std() -> io::Result<(UnixStream, net::UnixStream)> {
    let (ours, theirs) = net::UnixStream::pair()?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Resets the connection: a socket that is closed with something unread says so.
fn reset(ours: &UnixStream, theirs: net::UnixStream) -> io::Result<()> {
    ours.try_write(b"unread")?;
    drop(theirs);
    Ok(())
}

/// What holds once the error has been told: the end for who reads, a broken pipe for who writes, each at once; and the
/// reactor has nothing more to tell.
async fn is_over(stream: &UnixStream) -> io::Result<()> {
    let reactor = Reactor::current().expect("in a runtime");
    reactor.turn_now()?;
    for _ in 0..3 {
        let (read, polls) = counting_polls(stream.read(&mut [0; 8])).await;
        assert_eq!((read?, polls), (0, 1));
        let (written, polls) = counting_polls(stream.write(b"?")).await;
        let error = written.expect_err("nobody is there");
        assert_eq!((error.kind(), polls), (ErrorKind::BrokenPipe, 1));
        assert_eq!(reactor.turn_now()?, 0, "nothing spins");
    }
    Ok(())
}

#[test]
fn data_and_the_end_together_give_the_data_and_then_the_end() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let mut buffer = [0; 64];
        let mut reading = ours.read(&mut buffer);
        assert!(futures_util::poll!(&mut reading).is_pending());
        theirs.write_all(b"last words")?;
        drop(theirs);
        assert_eq!(reading.await?, 10);
        assert_eq!(&buffer[..10], b"last words");
        for _ in 0..3 {
            let (read, polls) = counting_polls(ours.read(&mut buffer)).await;
            assert_eq!((read?, polls), (0, 1));
        }
        Ok(())
    })
}

#[test]
fn both_ends_may_end_their_writing_in_turn() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        ours.write_all(b"question").await?;
        ours.shutdown(Shutdown::Write)?;
        let mut buffer = [0; 8];
        theirs.read_exact(&mut buffer).await?;
        assert_eq!(theirs.read(&mut buffer).await?, 0);
        theirs.write_all(b"answer").await?;
        theirs.shutdown(Shutdown::Write)?;
        assert_eq!(ours.read(&mut buffer).await?, 6);
        assert_eq!(ours.read(&mut buffer).await?, 0);
        let late = ours.write(b"too late").await.expect_err("it was the end");
        assert_eq!(late.kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}

#[test]
fn a_half_close_wakes_no_writer_that_has_no_room() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 8 << 20];
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        theirs.shutdown(Shutdown::Write)?;
        assert_eq!(ours.read(&mut [0]).await?, 0);
        assert!(futures_util::poll!(&mut writing).is_pending());
        Ok(())
    })
}

#[test]
fn a_reset_while_idle_is_told_by_the_next_read() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut idle = ours.readable();
        assert!(futures_util::poll!(&mut idle).is_pending());
        reset(&ours, theirs)?;
        let (readable, polls) = counting_polls(idle).await;
        readable?;
        assert!(polls <= 3, "polled {polls} times");
        let error = ours.read(&mut [0; 8]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        is_over(&ours).await
    })
}

#[test]
fn a_reset_while_reading_wakes_the_reader() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut buffer = [0; 8];
        let mut reading = ours.read(&mut buffer);
        assert!(futures_util::poll!(&mut reading).is_pending());
        reset(&ours, theirs)?;
        let (read, polls) = counting_polls(reading).await;
        assert_eq!(read.expect_err("reset").kind(), ErrorKind::ConnectionReset);
        assert!(polls <= 3, "polled {polls} times");
        is_over(&ours).await
    })
}

/// Who writes may meet a broken pipe first, and then the reset is left for who reads.
#[test]
fn a_reset_while_writing_wakes_the_writer() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 8 << 20];
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        drop(theirs);
        let (result, polls) = counting_polls(&mut writing).await;
        let kind = result.expect_err("nobody is there").kind();
        assert!(
            matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{kind}"
        );
        assert!(polls <= 8, "polled {polls} times");
        assert!(writing.written() > 0 && writing.written() < message.len());
        if kind == ErrorKind::BrokenPipe {
            let error = ours.read(&mut [0; 8]).await.expect_err("reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        is_over(&ours).await
    })
}

#[test]
fn a_cancelled_write_has_delivered_exactly_what_it_says() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let message = Random(SEED).bytes(8 << 20);
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        let written = writing.written();
        drop(writing);
        ours.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        theirs.read_to_end(&mut received)?;
        assert_eq!(received.len(), written);
        assert!(received == message[..written]);
        Ok(())
    })
}

/// Given up and taken up again at random moments, it loses no byte and doubles none.
#[test]
fn a_write_cancelled_many_times_resumes_where_it_was() -> io::Result<()> {
    println!("seed {SEED:#x}");
    block_on(async {
        let (client, server) = UnixStream::pair()?;
        let mut random = Random(SEED);
        let message = random.bytes(4 << 20);
        let mut sent = Hash::new();
        sent.update(&message);

        let (mut written, mut cancelled) = (0, 0);
        let mut received = Hash::new();
        let mut buffer = vec![0; 128 << 10];
        while received.bytes < message.len() {
            let mut writing = client.write_all(&message[written..]);
            if futures_util::poll!(&mut writing).is_pending() {
                cancelled += 1;
            }
            written += writing.written();
            drop(writing);
            if received.bytes == written {
                client.writable().await?;
                continue;
            }
            let room = random.up_to(buffer.len());
            let count = server.read(&mut buffer[..room]).await?;
            received.update(&buffer[..count]);
        }
        assert_eq!(received, sent);
        assert_eq!(written, message.len());
        assert!(cancelled > 0, "it must have met a full buffer");
        Ok(())
    })
}
