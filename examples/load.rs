//! A closed-loop client for `echo`: `cargo run --release --example load -- 127.0.0.1:7000 64 100000`.
//!
//! It opens so many connections (64 if not told), and makes so many requests of 64 bytes in all (100,000), each
//! connection sending its next one when it has its answer. It checks every answer, and prints the rate.

use std::io;
use std::time::Instant;
use waterwheel::net::TcpStream;

const MESSAGE: usize = 64;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".into());
    let mut number = |default: usize| match arguments.next().map(|text| text.parse()) {
        None => Ok(default),
        Some(Ok(number)) if number > 0 => Ok(number),
        Some(_) => Err(io::Error::other(
            "expected a number above zero: load ADDRESS CONNECTIONS REQUESTS",
        )),
    };
    let (connections, requests) = (number(64)?, number(100_000)?);
    waterwheel::block_on(load(&address, connections, requests))
}

async fn load(address: &str, connections: usize, requests: usize) -> io::Result<()> {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let began = Instant::now();
    let shares = (0..connections).map(|i| (requests + i) / connections);
    let clients: Vec<_> = std::iter::zip(streams, shares)
        .map(|(stream, share)| waterwheel::spawn(client(stream, share)))
        .collect();
    for client in clients {
        client.await??;
    }
    let took = began.elapsed();
    let rate = requests as f64 / took.as_secs_f64();
    println!(
        "{requests} requests of {MESSAGE} bytes over {connections} connections: {rate:.0} a second"
    );
    Ok(())
}

async fn client(stream: TcpStream, requests: usize) -> io::Result<()> {
    let mut answer = [0; MESSAGE];
    for request in 0..requests {
        let message = [request as u8; MESSAGE];
        stream.write_all(&message).await?;
        stream.read_exact(&mut answer).await?;
        if answer != message {
            return Err(io::Error::other(format!(
                "request {request}: a wrong answer"
            )));
        }
    }
    Ok(())
}
