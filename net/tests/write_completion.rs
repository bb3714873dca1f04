//! `WriteAll` is ready when the last byte is in the kernel, not before and not later, and knows how far it came.

mod support;

use std::io::{self, Read};
use std::net::Shutdown;
use std::task::Poll;
use support::{Hash, Random, block_on, pair, pair_with_std};

const SEED: u64 = 0x000f_1005_e1d0_beef;

#[test]
fn what_the_kernel_has_room_for_is_complete_at_once() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let mut writing = ours.write_all(b"nobody reads this yet");
        assert_eq!(writing.written(), 0, "it has not been polled");
        assert!(matches!(
            futures_util::poll!(&mut writing),
            Poll::Ready(Ok(()))
        ));
        assert_eq!(writing.written(), 21);
        let mut read = [0; 21];
        theirs.read_exact(&mut read)?;
        assert_eq!(&read, b"nobody reads this yet");
        Ok(())
    })
}

#[test]
fn a_write_is_complete_only_when_the_peer_has_made_room() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        let message = vec![7; 32 << 20];
        let mut writing = client.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        let before = writing.written();
        assert!(before > 0 && before < message.len());

        let reading = waterwheel::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            let mut received = 0;
            loop {
                match server.read(&mut buffer).await? {
                    0 => return io::Result::Ok(received),
                    count => received += count,
                }
            }
        });
        (&mut writing).await?;
        assert_eq!(writing.written(), message.len());
        client.shutdown(Shutdown::Write)?;
        assert_eq!(reading.await.expect("the reader")?, message.len());
        Ok(())
    })
}

#[test]
fn a_cancelled_write_has_delivered_exactly_what_it_says() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let message = Random(SEED).bytes(16 << 20);
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
        let (client, server) = pair().await?;
        let mut random = Random(SEED);
        let message = random.bytes(8 << 20);
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
        assert!(
            cancelled > 0,
            "a message of 8 MiB must have met a full buffer"
        );
        Ok(())
    })
}

#[test]
fn progress_is_known_after_an_error() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 32 << 20];
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        let written = writing.written();
        ours.shutdown(Shutdown::Write)?;
        let error = (&mut writing).await.expect_err("we said it was the end");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(writing.written(), written);
        drop(theirs);
        Ok(())
    })
}

/// A write in a direction that is full waits: it is not polled until there is room.
#[test]
fn try_write_and_writable_do_not_spin_on_a_full_buffer() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let chunk = vec![1; 64 << 10];
        let mut sent = 0;
        loop {
            ours.writable().await?;
            match ours.try_write(&chunk) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut writable = ours.writable();
        assert!(futures_util::poll!(&mut writable).is_pending());
        let refused = ours.try_write(&chunk).expect_err("full");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);

        let mut received = vec![0; sent];
        theirs.read_exact(&mut received)?;
        writable.await?;
        assert!(ours.try_write(b"room")? > 0);
        Ok(())
    })
}
