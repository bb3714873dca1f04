//! A stream in both directions at once, in chunks of all sizes up to 16 MiB, on one worker and on four: what is hashed where
//! it is sent and where it arrives is the same.

#[path = "../../tests/common/mod.rs"]
mod common;
mod support;

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use support::{Hash, Random};
use waterwheel::net::{OwnedReadHalf, OwnedWriteHalf, StreamSocket, TcpStream, UnixStream};
use waterwheel::{JoinHandle, Runtime};

const SEED: u64 = 0x2fa2_70de_ad0c_ea11;
const LARGEST: usize = 16 << 20;

/// A length of any order of magnitude up to `most`: as many small ones as large ones.
fn any_length(random: &mut Random, most: usize) -> usize {
    let magnitude = random.up_to(most.ilog2() as usize);
    random.up_to(2 << magnitude).min(most)
}

/// Writes `total` bytes in random chunks, of which one is as large as can be, and ends writing.
async fn write<S: StreamSocket>(
    writer: OwnedWriteHalf<S>,
    seed: u64,
    total: usize,
) -> io::Result<Hash> {
    let mut random = Random(seed);
    let bytes = random.bytes(LARGEST.min(total));
    let mut sent = Hash::new();
    let mut length = bytes.len();
    while sent.bytes < total {
        let start = random.up_to(bytes.len() - length + 1) - 1;
        let chunk = &bytes[start..start + length];
        writer.write_all(chunk).await?;
        sent.update(chunk);
        length = any_length(&mut random, bytes.len());
    }
    drop(writer);
    Ok(sent)
}

/// Reads until the end, to room of random size.
async fn read<S: StreamSocket>(reader: OwnedReadHalf<S>, seed: u64) -> io::Result<Hash> {
    let mut random = Random(seed);
    let mut buffer = vec![0; 1 << 20];
    let mut received = Hash::new();
    loop {
        let room = any_length(&mut random, buffer.len());
        match reader.read(&mut buffer[..room]).await? {
            0 => return Ok(received),
            count => received.update(&buffer[..count]),
        }
    }
}

/// Both ends write and read at once: four tasks.
async fn exchange<S: StreamSocket>(ours: S, theirs: S, halves: Halves<S>) -> io::Result<()> {
    let total = common::rounds(128 << 20, 20 << 20);
    let (our_reader, our_writer) = halves(ours);
    let (their_reader, their_writer) = halves(theirs);
    let tasks: [JoinHandle<io::Result<Hash>>; 4] = [
        waterwheel::spawn(write(our_writer, SEED, total)),
        waterwheel::spawn(read(their_reader, SEED + 1)),
        waterwheel::spawn(write(their_writer, SEED + 2, total)),
        waterwheel::spawn(read(our_reader, SEED + 3)),
    ];
    let mut hashes = Vec::new();
    for task in tasks {
        hashes.push(task.await.expect("no panic")?);
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[2], hashes[3]);
    assert!(hashes[0].bytes >= total && hashes[2].bytes >= total);
    assert_ne!(hashes[0], hashes[2]);
    Ok(())
}

type Halves<S> = fn(S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>);

fn on(workers: usize, test: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    println!("seed {SEED:#x}");
    let runtime = Runtime::builder().worker_threads(workers).build()?;
    runtime.block_on(test)
}

async fn over_tcp() -> io::Result<()> {
    let (ours, theirs) = support::pair().await?;
    exchange(ours, theirs, TcpStream::into_split).await
}

async fn over_unix() -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    exchange(ours, theirs, UnixStream::into_split).await
}

#[test]
fn both_directions_of_tcp_on_one_worker() -> io::Result<()> {
    on(1, over_tcp())
}

#[test]
fn both_directions_of_tcp_on_four_workers() -> io::Result<()> {
    on(4, over_tcp())
}

#[test]
fn both_directions_of_unix_on_one_worker() -> io::Result<()> {
    on(1, over_unix())
}

#[test]
fn both_directions_of_unix_on_four_workers() -> io::Result<()> {
    on(4, over_unix())
}

/// The stream is one, and shared: a task reads from it while another writes to it.
async fn shared_by_reader_and_writer() -> io::Result<()> {
    let total = common::rounds(64 << 20, 8 << 20);
    let (client, server) = support::pair().await?;
    let echoing = waterwheel::spawn(async move {
        let mut buffer = vec![0; 100_000];
        loop {
            match server.read(&mut buffer).await? {
                0 => return server.shutdown(Shutdown::Write),
                count => server.write_all(&buffer[..count]).await?,
            }
        }
    });
    let client = Arc::new(client);
    let writer = Arc::clone(&client);
    let writing = waterwheel::spawn(async move {
        let mut random = Random(SEED);
        let bytes = random.bytes(1 << 20);
        let mut sent = Hash::new();
        while sent.bytes < total {
            let chunk = &bytes[..any_length(&mut random, bytes.len())];
            writer.write_all(chunk).await?;
            sent.update(chunk);
        }
        writer.shutdown(Shutdown::Write)?;
        io::Result::Ok(sent)
    });
    let mut received = Hash::new();
    let mut buffer = vec![0; 70_000];
    loop {
        match client.read(&mut buffer).await? {
            0 => break,
            count => received.update(&buffer[..count]),
        }
    }
    assert_eq!(writing.await.expect("no panic")?, received);
    echoing.await.expect("no panic")
}

#[test]
fn a_reader_and_a_writer_share_a_stream_on_one_worker() -> io::Result<()> {
    on(1, shared_by_reader_and_writer())
}

#[test]
fn a_reader_and_a_writer_share_a_stream_on_four_workers() -> io::Result<()> {
    on(4, shared_by_reader_and_writer())
}
