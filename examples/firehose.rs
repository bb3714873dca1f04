//! Fast senders, a slow reader, and watermarks in between: `cargo run --release --example firehose`.
//!
//! Four tasks send to one connection, whose reader takes its time. Each asks the outbox before a message whether there
//! is room. So what is queued swings between the low watermark and the high one, and no message waits in memory for
//! long. A fifth sender, on a thread that knows nothing of async, asks nobody: it is there to show that it may.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waterwheel::net::{Outbox, TcpListener, TcpStream, Watermarks};
use waterwheel::{sleep, spawn};

const SENDERS: u8 = 4;
const MESSAGES: usize = 2_000;
const SIZE: usize = 8 << 10;
const WATERMARKS: Watermarks = Watermarks {
    low: 1 << 20,
    high: 8 << 20,
};

fn main() -> io::Result<()> {
    waterwheel::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let reader = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let reader = spawn(read_slowly(reader));
        let outbox = Arc::new(Outbox::with_watermarks(stream, WATERMARKS));

        let began = Instant::now();
        let senders = [(); SENDERS as usize].map(|()| spawn(send(Arc::clone(&outbox))));
        let theirs = Arc::clone(&outbox);
        let thread = std::thread::spawn(move || theirs.send("a word from a thread\n"));
        let word = thread.join().expect("the thread does not panic");
        let watching = spawn(watch(Arc::clone(&outbox), began));

        let mut slowest = Duration::ZERO;
        for sender in senders {
            slowest = slowest.max(sender.await??);
        }
        word.await?;
        watching.abort();
        let report = outbox.close(Duration::from_secs(30)).await;
        let received = reader.await??;
        println!(
            "{received} bytes received, {} left; the slowest message took {slowest:.0?} to the kernel",
            report.left_bytes
        );
        Ok(())
    })
}

/// Sends as fast as it may, and returns how long the slowest message took.
async fn send(outbox: Arc<Outbox<TcpStream>>) -> io::Result<Duration> {
    let mut slowest = Duration::ZERO;
    for _ in 0..MESSAGES {
        outbox.ready().await?;
        let began = Instant::now();
        let sent = outbox.send(vec![b'.'; SIZE]);
        if outbox.is_over() {
            // Too much is queued: this is a good time to wait for one's own.
            sent.await?;
            slowest = slowest.max(began.elapsed());
        }
    }
    Ok(slowest)
}

/// Draws what is queued, twenty times a second.
async fn watch(outbox: Arc<Outbox<TcpStream>>, began: Instant) {
    loop {
        let queued = outbox.queued_bytes() >> 10;
        let state = if outbox.is_over() { "over" } else { "ready" };
        println!(
            "{:4.2} s  {queued:5} KiB queued, {state:5}  {}",
            began.elapsed().as_secs_f64(),
            "#".repeat(queued / 256)
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// About 40 MiB a second.
async fn read_slowly(stream: TcpStream) -> io::Result<usize> {
    let mut buffer = vec![0; 128 << 10];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(count),
            more => count += more,
        }
        sleep(Duration::from_millis(3)).await;
    }
}
