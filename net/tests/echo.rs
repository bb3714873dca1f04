//! Bytes come back as they went, however they are cut: one task writes to a stream while another reads from it.

mod support;

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use support::{Hash, Random, block_on, pair};
use waterwheel::net::TcpStream;

const TOTAL: usize = 4 << 20;
const SEED: u64 = 0x77a7_e2f0_0d15_ea5e;

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

#[test]
fn random_chunks_come_back_as_they_went() -> io::Result<()> {
    println!("seed {SEED:#x}");
    block_on(async {
        let (client, server) = pair().await?;
        let echoing = waterwheel::spawn(echo(server));

        let client = Arc::new(client);
        let writer = Arc::clone(&client);
        let writing = waterwheel::spawn(async move {
            let mut random = Random(SEED);
            let mut sent = Hash::new();
            while sent.bytes < TOTAL {
                let length = random.up_to(64 << 10);
                let chunk = random.bytes(length);
                sent.update(&chunk);
                writer.write_all(&chunk).await?;
            }
            writer.shutdown(std::net::Shutdown::Write)?;
            io::Result::Ok(sent)
        });

        let mut random = Random(SEED + 1);
        let mut received = Hash::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let room = random.up_to(buffer.len());
            match client.read(&mut buffer[..room]).await? {
                0 => break,
                count => received.update(&buffer[..count]),
            }
        }
        let sent = writing.await.expect("the writer")?;
        assert_eq!(received, sent);
        echoing.await.expect("the echo")
    })
}

#[test]
fn random_vectored_chunks_come_back_as_they_went() -> io::Result<()> {
    println!("seed {SEED:#x}");
    block_on(async {
        let (client, server) = pair().await?;
        let echoing = waterwheel::spawn(echo(server));

        let (reader, writer) = client.into_split();
        let writing = waterwheel::spawn(async move {
            let mut random = Random(SEED);
            let mut sent = Hash::new();
            while sent.bytes < TOTAL {
                let lengths = [random.up_to(9000), random.up_to(90_000), random.up_to(9)];
                let chunks = lengths.map(|length| random.bytes(length));
                let buffers = [&chunks[0], &chunks[1], &chunks[2]].map(|chunk| IoSlice::new(chunk));
                let mut taken = writer.write_vectored(&buffers).await?;
                for chunk in &chunks {
                    let part = taken.min(chunk.len());
                    sent.update(&chunk[..part]);
                    taken -= part;
                }
            }
            io::Result::Ok(sent)
        });

        let mut received = Hash::new();
        let (mut first, mut second) = (vec![0; 100], vec![0; 50_000]);
        loop {
            let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            let count = reader.read_vectored(&mut buffers).await?;
            if count == 0 {
                break;
            }
            let in_first = count.min(first.len());
            received.update(&first[..in_first]);
            received.update(&second[..count - in_first]);
        }
        let sent = writing.await.expect("the writer")?;
        assert_eq!(received, sent);
        echoing.await.expect("the echo")
    })
}

/// A task whose stream always has more to read lets the others run.
#[test]
fn a_stream_that_is_always_ready_starves_nobody() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.write_all(&[1; 1000]).await?;
        // Both on this thread: on another, the other one starves nobody either.
        let reading = waterwheel::spawn_local(async move {
            server.read_exact(&mut [0]).await?;
            let other = waterwheel::spawn_local(async {});
            for _ in 1..1000 {
                server.read_exact(&mut [0]).await?;
            }
            io::Result::Ok(other.is_finished())
        });
        let other_has_run = reading.await.expect("the reader")?;
        assert!(other_has_run, "1000 reads are more than one poll's worth");
        Ok(())
    })
}
