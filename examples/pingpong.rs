//! Messages to and fro: `cargo run --release --example pingpong`, or `-- CONNECTIONS BYTES SECONDS`.
//!
//! A server echoes; each client sends a message of so many bytes, waits until all of it has come back, and sends the
//! next. Both are in this process, in one runtime. It prints how much went to and fro.

use std::io;
use std::time::{Duration, Instant};
use waterwheel::net::{ServeOptions, TcpListener, TcpStream, copy, serve};
use waterwheel::{JoinSet, Runtime};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next().map(|text| text.parse()) {
        None => Ok(default),
        Some(Ok(number @ 1..)) => Ok(number),
        Some(_) => Err(io::Error::other(
            "expected numbers above zero: pingpong CONNECTIONS BYTES SECONDS",
        )),
    };
    let (connections, bytes, seconds) = (number(16)?, number(16 << 10)?, number(2)?);
    Runtime::new()?.block_on(pingpong(connections, bytes, seconds as u64))
}

async fn pingpong(connections: usize, bytes: usize, seconds: u64) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = serve(
        listener,
        ServeOptions::new(),
        |stream: TcpStream, _| async move {
            stream.set_nodelay(true)?;
            copy(&stream, &stream).await.map(drop)
        },
    );

    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            client(&stream, bytes, until).await
        });
    }
    let mut rounds = 0;
    while let Some(client) = clients.join_next().await {
        rounds += client??;
    }
    let took = began.elapsed().as_secs_f64();
    let report = server.until(async {}, Duration::from_secs(5)).await;
    let mib = (rounds * bytes) as f64 / f64::from(1 << 20);
    println!(
        "{} connections, messages of {bytes} bytes: {:.0} round trips a second, {:.0} MiB/s each way",
        report.accepted,
        rounds as f64 / took,
        mib / took,
    );
    Ok(())
}

/// Sends and receives at the same time, so that a message may be larger than what the kernel holds.
async fn client(stream: &TcpStream, bytes: usize, until: Instant) -> io::Result<usize> {
    let message = vec![7; bytes];
    let mut answer = vec![0; bytes];
    let mut rounds = 0;
    while Instant::now() < until {
        let (sent, received) =
            futures_util::future::join(stream.write_all(&message), stream.read_exact(&mut answer))
                .await;
        sent?;
        received?;
        rounds += 1;
    }
    Ok(rounds)
}
