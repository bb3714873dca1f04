//! Many threads send to one slow reader: the order of each is kept, every completion comes once, and memory is bounded.

mod support;

use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Random, block_on, pair_with_std};
use waterwheel::Runtime;
use waterwheel::net::{Outbox, TcpStream, Watermarks};

const SEED: u64 = 0x0b0e_5eed_0000_0001;
const SENDERS: usize = 8;
const MESSAGES: usize = 100_000;
const HEADER: usize = 9;
const MOST: usize = 2_000;
const WATERMARKS: Watermarks = Watermarks {
    low: 32 << 10,
    high: 128 << 10,
};
const BOUND: usize = WATERMARKS.high + SENDERS * (HEADER + MOST);

/// Sender, number, length, and as many bytes that follow from these.
fn message(sender: u8, number: u32, length: usize) -> Vec<u8> {
    let mut message = vec![sender];
    message.extend(number.to_le_bytes());
    message.extend((length as u32).to_le_bytes());
    message.extend((0..length).map(|i| (number as usize + i) as u8));
    message
}

/// Sends `MESSAGES / SENDERS` messages, and awaits their completions, in order, some way behind.
async fn send(outbox: &Outbox<TcpStream>, sender: u8, complete: &AtomicUsize) -> io::Result<usize> {
    let mut random = Random(SEED + u64::from(sender));
    let mut pending = VecDeque::new();
    let mut most = 0;
    for number in 0..(MESSAGES / SENDERS) as u32 {
        outbox.ready().await?;
        let length = random.up_to(MOST);
        pending.push_back(outbox.send(message(sender, number, length)));
        most = most.max(outbox.queued_bytes());
        if pending.len() > 100 {
            for sent in pending.drain(..50) {
                sent.await?;
                complete.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    for sent in pending {
        sent.await?;
        complete.fetch_add(1, Ordering::Relaxed);
    }
    Ok(most)
}

/// Reads all messages, in pieces that are too small, and checks each.
fn read(stream: net::TcpStream) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(1_000, stream);
    let mut next = [0; SENDERS];
    let mut body = Vec::new();
    for _ in 0..MESSAGES {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header)?;
        let sender = usize::from(header[0]);
        let number = u32::from_le_bytes(header[1..5].try_into().expect("four"));
        let length = u32::from_le_bytes(header[5..].try_into().expect("four")) as usize;
        assert_eq!(number, next[sender], "of sender {sender} (seed {SEED:#x})");
        next[sender] += 1;
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        let right = body
            .iter()
            .enumerate()
            .all(|(i, &byte)| byte == (number as usize + i) as u8);
        assert!(
            right,
            "message {number} of sender {sender} (seed {SEED:#x})"
        );
    }
    assert_eq!(stream.read(&mut [0])?, 0, "the end");
    Ok(())
}

fn check(sent: impl IntoIterator<Item = usize>, complete: &AtomicUsize) {
    assert_eq!(
        complete.load(Ordering::Relaxed),
        MESSAGES,
        "each completion"
    );
    let most = sent.into_iter().max().expect("senders");
    println!("seed {SEED:#x}: at most {most} bytes were queued, of {BOUND}");
    assert!(most <= BOUND, "{most} bytes were queued, more than {BOUND}");
    assert!(
        most > WATERMARKS.high / 2,
        "the reader is too fast for this test to say anything"
    );
}

/// Each sender is a thread with a small runtime of its own; the descriptor is with one more.
#[test]
fn threads_send_to_a_slow_reader() -> io::Result<()> {
    let (ours, theirs) = pair_with_std()?;
    let reader = thread::spawn(move || read(theirs));
    let complete = AtomicUsize::new(0);
    block_on(async {
        let outbox = Arc::new(Outbox::with_watermarks(ours, WATERMARKS));
        let (outbox, complete) = (&outbox, &complete);
        // This thread must turn its reactor while the others send.
        let senders: Vec<_> = (0..SENDERS as u8)
            .map(|sender| {
                let outbox = Arc::clone(outbox);
                waterwheel::spawn_blocking(move || {
                    let complete = AtomicUsize::new(0);
                    let most = waterwheel::block_on(send(&outbox, sender, &complete));
                    most.map(|most| (most, complete.into_inner()))
                })
            })
            .collect();
        let mut most = Vec::new();
        for sender in senders {
            let (seen, done) = sender.await.expect("no panic")?;
            complete.fetch_add(done, Ordering::Relaxed);
            most.push(seen);
        }
        let report = outbox
            .close(Instant::now() + Duration::from_secs(600))
            .await;
        assert!(report.is_drained(), "{report:?}");
        check(most, complete);
        io::Result::Ok(())
    })?;
    reader.join().expect("the reader")
}

/// The same from tasks of one runtime of four workers.
#[test]
fn tasks_send_to_a_slow_reader() -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(4).build()?;
    let (ours, theirs) = pair_with_std()?;
    let reader = thread::spawn(move || read(theirs));
    runtime.block_on(async {
        let outbox = Arc::new(Outbox::with_watermarks(ours, WATERMARKS));
        let complete = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = (0..SENDERS as u8)
            .map(|sender| {
                let (outbox, complete) = (Arc::clone(&outbox), Arc::clone(&complete));
                waterwheel::spawn(async move { send(&outbox, sender, &complete).await })
            })
            .collect();
        let mut most = Vec::new();
        for sender in senders {
            most.push(sender.await.expect("no panic")?);
        }
        let report = outbox
            .close(Instant::now() + Duration::from_secs(600))
            .await;
        assert!(report.is_drained(), "{report:?}");
        check(most, &complete);
        io::Result::Ok(())
    })?;
    reader.join().expect("the reader")
}
