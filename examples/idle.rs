//! An echo server that closes connections which have been silent for three seconds.
//!
//!     cargo run --release --example idle                       a talker and a silent client, to see it work
//!     cargo run --release --example idle -- 127.0.0.1:7000     serves, to be talked to by `nc 127.0.0.1 7000`
//!
//! Each connection has one [`IdleTimeout`] for all its life. A message costs that a reading of the clock and a stored deadline: the
//! timing wheel hears of it once in three seconds, however many messages come.

use std::io;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::time::IdleTimeout;
use waterwheel::{block_on, sleep, spawn};

const LIMIT: Duration = Duration::from_secs(3);

fn main() -> io::Result<()> {
    match std::env::args().nth(1) {
        Some(address) => block_on(async {
            let listener = TcpListener::bind(address.as_str()).await?;
            println!("listening on {}", listener.local_addr()?);
            serve(listener).await
        }),
        None => block_on(show()),
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        spawn(async move {
            let began = Instant::now();
            let how = match echo(stream).await {
                Ok(()) => "its peer closed it".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    format!("silent for {LIMIT:?}, so closed")
                }
                Err(error) => error.to_string(),
            };
            let lasted = began.elapsed().as_secs_f64();
            println!("{peer}: {how}, after {lasted:.1} s");
        });
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut idle = IdleTimeout::new(LIMIT);
    let mut buffer = [0; 4096];
    loop {
        // `?` twice: for silence, and for the read.
        match idle.watch(stream.read(&mut buffer)).await?? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// Two clients: one says something every second, five times, and then nothing; the other is silent from the start.
async fn show() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(serve(listener));

    let silent = spawn(async move {
        let stream = TcpStream::connect(address).await?;
        println!("{}: a client that says nothing", stream.local_addr()?);
        until_closed(&stream).await
    });
    let talker = spawn(async move {
        let stream = TcpStream::connect(address).await?;
        println!("{}: a client that talks for a while", stream.local_addr()?);
        for _ in 0..5 {
            sleep(Duration::from_secs(1)).await;
            stream.write_all(b"still here").await?;
            stream.read_exact(&mut [0; 10]).await?;
        }
        until_closed(&stream).await
    });
    let (silent, talker) = (
        silent.await.expect("no panic")?,
        talker.await.expect("no panic")?,
    );
    println!(
        "the silent one was closed after {silent:.1?}, the talker {talker:.1?} after its last word"
    );
    for waited in [silent, talker] {
        assert!(
            waited >= LIMIT - Duration::from_millis(50),
            "closed too early: {waited:?}"
        );
    }
    Ok(())
}

/// How long it takes until the server closes.
async fn until_closed(stream: &TcpStream) -> io::Result<Duration> {
    let began = Instant::now();
    let count = stream.read(&mut [0; 16]).await?;
    assert_eq!(count, 0, "the server says nothing by itself");
    Ok(began.elapsed())
}
