//! A TCP echo server: `cargo run --release --example echo -- 127.0.0.1:7000`.
//!
//! A number after the address closes connections that are silent for so many seconds: `-- 127.0.0.1:7000 30`.
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
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".into());
    let silence = match arguments.next().map(|seconds| seconds.parse()) {
        None => None,
        Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
        Some(Err(_)) => {
            return Err(io::Error::other(
                "expected `echo ADDRESS [SECONDS]`, the seconds a whole number",
            ));
        }
    };
    waterwheel::block_on(serve(&address, silence))
        .inspect_err(|error| eprintln!("echo: cannot listen on {address}: {error}"))
}

async fn serve(address: &str, silence: Option<Duration>) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("echo: listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match silence {
                None => drop(waterwheel::spawn(report(peer, echo(stream)))),
                Some(limit) => {
                    waterwheel::spawn(report(peer, echo_until_silent(stream, limit)));
                }
            },
            Err(error) => {
                eprintln!("echo: cannot accept: {error} (is `ulimit -n` too low?)");
                waterwheel::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn report(peer: SocketAddr, connection: impl Future<Output = io::Result<()>>) {
    if let Err(error) = connection.await {
        eprintln!("echo: {peer}: {error}");
    }
}

/// Sends back what comes, until the peer has no more to say.
async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// The same, until nothing has come for `limit`.
async fn echo_until_silent(stream: TcpStream, limit: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match waterwheel::timeout(limit, stream.read(&mut buffer)).await {
            Err(_silent) => return Ok(()),
            Ok(read) => match read? {
                0 => return Ok(()),
                count => stream.write_all(&buffer[..count]).await?,
            },
        }
    }
}
