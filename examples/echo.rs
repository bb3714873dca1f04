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
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("echo: cannot accept: {error} (is `ulimit -n` too low?)");
                waterwheel::sleep(BACK_OFF).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            report(peer, &error);
            continue;
        }
        match silence {
            None => drop(waterwheel::spawn(echo(stream, peer))),
            Some(limit) => drop(waterwheel::spawn(echo_until_silent(stream, peer, limit))),
        }
    }
}

/// Sends back what comes, until the peer has no more to say.
async fn echo(stream: TcpStream, peer: SocketAddr) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return,
            Ok(count) => {
                if let Err(error) = stream.write_all(&buffer[..count]).await {
                    return report(peer, &error);
                }
            }
            Err(error) => return report(peer, &error),
        }
    }
}

/// The same, until nothing has come for `limit`.
async fn echo_until_silent(stream: TcpStream, peer: SocketAddr, limit: Duration) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match waterwheel::timeout(limit, stream.read(&mut buffer)).await {
            Ok(Ok(0)) | Err(_) => return,
            Ok(Ok(count)) => {
                if let Err(error) = stream.write_all(&buffer[..count]).await {
                    return report(peer, &error);
                }
            }
            Ok(Err(error)) => return report(peer, &error),
        }
    }
}

#[cold]
fn report(peer: SocketAddr, error: &io::Error) {
    eprintln!("echo: {peer}: {error}");
}
