//! UDP echo: `cargo run --release --example udp_echo` starts a server and a client on this host, and ends by itself;
//! `-- 127.0.0.1:7000` is the server alone, which serves until it is killed.
//!
//! The server receives what there is, up to 64 datagrams a system call, and sends it back by another.
//! The client asks one question at a time, and then in batches, and counts the answers: a datagram may get lost, on loopback
//! only if the server is slower than the client for long.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use waterwheel::net::{RecvBatch, SendBatch, UdpSocket};

/// Datagrams a system call.
const BATCH: usize = 64;

/// The longest datagram that Ethernet carries in one piece, in bytes.
const LONGEST: usize = 1472;

const QUESTIONS: usize = 51_200;

/// How long the client waits for an answer before it takes it for lost.
const PATIENCE: Duration = Duration::from_millis(500);

fn main() -> io::Result<()> {
    match std::env::args().nth(1) {
        Some(address) => waterwheel::block_on(async {
            let socket = UdpSocket::bind(&address)
                .await
                .inspect_err(|error| eprintln!("udp_echo: cannot have {address}: {error}"))?;
            println!("udp_echo: at {}", socket.local_addr()?);
            serve(socket).await
        }),
        None => waterwheel::block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            let server = socket.local_addr()?;
            waterwheel::spawn(serve(socket));
            ask_one_by_one(server).await?;
            ask_in_batches(server).await
        }),
    }
}

/// Sends back what comes, for ever.
async fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut questions = RecvBatch::new(BATCH, LONGEST);
    let mut answers = SendBatch::new();
    loop {
        socket.recv_batch(&mut questions).await?;
        answers.clear();
        for datagram in questions.iter().filter(|datagram| !datagram.truncated) {
            answers.push(datagram.bytes, datagram.from);
        }
        // An answer that cannot be sent is nobody's trouble but that client's.
        while let Err(error) = socket.send_batch(&mut answers).await {
            eprintln!("udp_echo: an answer could not be sent: {error}");
            answers.skip();
        }
    }
}

async fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    Ok(socket)
}

async fn ask_one_by_one(server: SocketAddr) -> io::Result<()> {
    let socket = connected(server).await?;
    let mut buffer = [0; LONGEST];
    let (begun, mut answered) = (Instant::now(), 0);
    for question in 0..QUESTIONS {
        let question = question.to_le_bytes();
        socket.send(&question).await?;
        // An answer that comes after all, too late, is passed over.
        while let Ok(length) = waterwheel::timeout(PATIENCE, socket.recv(&mut buffer)).await {
            if buffer[..length?] == question {
                answered += 1;
                break;
            }
        }
    }
    report("one by one", answered, begun);
    Ok(())
}

async fn ask_in_batches(server: SocketAddr) -> io::Result<()> {
    let socket = connected(server).await?;
    let (mut questions, mut answers) = (SendBatch::new(), RecvBatch::new(BATCH, LONGEST));
    let (begun, mut answered) = (Instant::now(), 0);
    for batch in 0..QUESTIONS / BATCH {
        questions.clear();
        for question in batch * BATCH..(batch + 1) * BATCH {
            questions.push_connected(&question.to_le_bytes());
        }
        socket.send_batch(&mut questions).await?;
        let mut missing = BATCH;
        while missing > 0 {
            match waterwheel::timeout(PATIENCE, socket.recv_batch(&mut answers)).await {
                Ok(count) => missing = missing.saturating_sub(count?),
                Err(_) => break,
            }
        }
        answered += BATCH - missing;
    }
    report("in batches", answered, begun);
    Ok(())
}

fn report(how: &str, answered: usize, begun: Instant) {
    let rate = answered as f64 / begun.elapsed().as_secs_f64();
    println!("udp_echo: {how}: {answered} answers, {rate:.0} a second");
}
