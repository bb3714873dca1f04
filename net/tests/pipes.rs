//! Pipes, through `AsyncFd`: both ends are awaited.

mod support;

use std::io::{self, ErrorKind, Read, Write};
use support::{Hash, Random, block_on, counting_polls};
use waterwheel::reactor::{AsyncFd, Interest, Reactor};

const SEED: u64 = 0x0000_00f1_fe00_5eed;

#[test]
fn what_is_written_to_a_pipe_is_read_from_it() -> io::Result<()> {
    const TOTAL: usize = 4 << 20;
    println!("seed {SEED:#x}");
    block_on(async {
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (AsyncFd::new(reader)?, AsyncFd::new(writer)?);
        let writing = waterwheel::spawn(async move {
            let mut random = Random(SEED);
            let mut sent = Hash::new();
            while sent.bytes < TOTAL {
                // More than a pipe has room for, so that each of them must wait.
                let length = random.up_to(200_000);
                let chunk = random.bytes(length);
                let mut written = 0;
                while written < chunk.len() {
                    let write = |mut pipe: &io::PipeWriter| pipe.write(&chunk[written..]);
                    written += writer.async_io(Interest::Write, write).await?;
                }
                sent.update(&chunk);
            }
            io::Result::Ok(sent)
        });
        let mut received = Hash::new();
        let mut buffer = vec![0; 50_000];
        loop {
            let read = |mut pipe: &io::PipeReader| pipe.read(&mut buffer);
            match reader.async_io(Interest::Read, read).await? {
                0 => break,
                count => received.update(&buffer[..count]),
            }
        }
        assert_eq!(writing.await.expect("no panic")?, received);
        Ok(())
    })
}

#[test]
fn a_pipe_that_nobody_reads_any_more_is_broken() -> io::Result<()> {
    block_on(async {
        let (reader, writer) = io::pipe()?;
        let writer = AsyncFd::new(writer)?;
        let chunk = vec![0; 1 << 20];
        writer
            .async_io(Interest::Write, |mut pipe| pipe.write(&chunk))
            .await?;
        let mut waiting = writer.async_io(Interest::Write, |mut pipe| pipe.write(&chunk));
        assert!(futures_util::poll!(&mut waiting).is_pending(), "it is full");
        drop(reader);
        let (written, polls) = counting_polls(waiting).await;
        // Rust's runtime ignores SIGPIPE, without which this would end the process: a pipe knows no `MSG_NOSIGNAL`.
        assert_eq!(written.expect_err("broken").kind(), ErrorKind::BrokenPipe);
        assert!(polls <= 3, "polled {polls} times");
        let reactor = Reactor::current().expect("in a runtime");
        assert_eq!(reactor.turn_now()?, 0, "nothing spins");
        Ok(())
    })
}
