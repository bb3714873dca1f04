//! A TCP relay: `cargo run --release --example proxy -- 127.0.0.1:7000 example.com:80`.
//!
//! It takes connections at the first address and relays each to the second, until both sides have ended or nothing has
//! gone either way for five minutes. Large flows go through the kernel alone, by `splice`.
//!
//! Without addresses it relays 1 GiB between two ends of its own, and prints what that has cost.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use waterwheel::Runtime;
use waterwheel::net::{ServeOptions, Server, TcpListener, TcpStream, copy_bidirectional, serve};

const SILENCE: Duration = Duration::from_secs(300);

async fn relay(front: TcpStream, to: &str) -> io::Result<()> {
    let back = TcpStream::connect(to).await?;
    let mut relaying = copy_bidirectional(&front, &back).idle_timeout(SILENCE);
    let ended = (&mut relaying).await;
    let (there, back) = relaying.copied();
    println!("proxy: {there} bytes there, {back} bytes back");
    ended.map(drop)
}

async fn start(at: &str, to: String) -> io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind(at).await?;
    let address = listener.local_addr()?;
    println!("proxy: from {address} to {to}");
    let options = ServeOptions::new().on_error(|peer, error| match peer {
        Some(peer) => eprintln!("proxy: {peer}: {error}"),
        None => eprintln!("proxy: cannot accept: {error}"),
    });
    let server = serve(listener, options, move |front, _| {
        let to = to.clone();
        async move { relay(front, &to).await }
    });
    Ok((server, address))
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(at), Some(to)) => Runtime::new()?.block_on(async {
            let (server, _) = start(&at, to).await?;
            server.until(std::future::pending::<()>(), SILENCE).await;
            Ok(())
        }),
        (None, _) => waterwheel::block_on(demonstrate()),
        _ => Err(io::Error::other("expected `proxy FROM TO`, two addresses")),
    }
}

async fn demonstrate() -> io::Result<()> {
    const BYTES: usize = 1 << 30;
    const PIECE: usize = 256 << 10;
    let sink = TcpListener::bind("127.0.0.1:0").await?;
    let (server, front) = start("127.0.0.1:0", sink.local_addr()?.to_string()).await?;
    // The ends block, in threads of their own: this one does nothing but relay.
    let source = waterwheel::spawn_blocking(move || -> io::Result<()> {
        let mut stream = std::net::TcpStream::connect(front)?;
        let piece = vec![7; PIECE];
        for _ in 0..BYTES / PIECE {
            io::Write::write_all(&mut stream, &piece)?;
        }
        Ok(())
    });
    let (stream, _) = sink.accept().await?;
    let began = Instant::now();
    let read = waterwheel::spawn_blocking(move || -> io::Result<usize> {
        let mut stream = stream.into_std();
        stream.set_nonblocking(false)?;
        let (mut buffer, mut count) = (vec![0; PIECE], 0);
        loop {
            match io::Read::read(&mut stream, &mut buffer)? {
                0 => return Ok(count),
                more => count += more,
            }
        }
    });
    let count = read.await??;
    source.await??;
    let took = began.elapsed().as_secs_f64();
    let mib = count as f64 / f64::from(1 << 20);
    println!(
        "proxy: {mib:.0} MiB in {took:.2} s: {:.0} MiB/s",
        mib / took
    );
    let report = server.until(async {}, Duration::from_secs(5)).await;
    println!("proxy: {} connection relayed", report.finished);
    Ok(())
}
