//! A TCP echo server: `cargo run --release --example echo -- 127.0.0.1:7000`.
//!
//! It serves until it is killed. What goes wrong with one connection is reported, and the others go on; when
//! descriptors have run out it waits for some to be closed, and accepts again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use waterwheel::net::{TcpListener, TcpStream};

/// A connection's buffer, in bytes.
const BUFFER: usize = 4 * 1024;

/// How long to leave the listener alone after it has failed: connections wait in its backlog meanwhile.
const BACK_OFF: Duration = Duration::from_millis(20);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:7000");
    waterwheel::block_on(serve(address))
        .inspect_err(|error| eprintln!("echo: cannot listen on {address}: {error}"))
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("echo: listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(waterwheel::spawn(connection(stream, peer))),
            Err(error) => {
                eprintln!("echo: cannot accept: {error} (is `ulimit -n` too low?)");
                waterwheel::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = echo(&stream).await {
        eprintln!("echo: {peer}: {error}");
    }
}

/// Sends back what comes, until the peer has no more to say.
async fn echo(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}
