//! Connections that come and go, some hundreds a second, in every way that connections end; and some that never come about.

use crate::random::{Bytes, Random};
use crate::tally::{Tally, count};
use futures_util::poll;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use waterwheel::net::TcpStream;
use waterwheel::{sleep, timeout};

const CLIENTS: u64 = 4;
const STUCK: Duration = Duration::from_secs(60);
/// Where nobody listens.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

pub(crate) async fn run(tally: Arc<Tally>, server: SocketAddr) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| waterwheel::spawn(client(Arc::clone(&tally), server, number)))
        .collect();
    for client in clients {
        client.await.expect("no panic");
    }
}

async fn client(tally: Arc<Tally>, server: SocketAddr, number: u64) {
    let mut random = Random::new(tally.seed, "churn", number);
    let done = tally.watched("connections of the churn");
    while !tally.is_over() {
        match timeout(STUCK, connection(&tally, server, &mut random)).await {
            Ok(Ok(())) => count(&done),
            Ok(Err(error)) => {
                // The ports of the machine are everybody's.
                let fair = error.kind() == ErrorKind::AddrNotAvailable;
                tally.check(fair, format_args!("a connection of the churn: {error}"));
                tally.error("churn", &error);
            }
            Err(_) => tally.fault("a connection of the churn is stuck"),
        }
        sleep(random.millis(2, 10)).await;
    }
}

async fn connection(tally: &Tally, server: SocketAddr, random: &mut Random) -> io::Result<()> {
    match random.below(8) {
        // Given up before it has come about.
        0 => {
            let mut connecting = pin!(TcpStream::connect(server));
            let _given_up = poll!(connecting.as_mut());
            return Ok(());
        }
        1 => {
            let refused = TcpStream::connect_timeout(NOBODY, STUCK).await;
            let kind = refused.err().map(|error| error.kind());
            let right = kind == Some(ErrorKind::ConnectionRefused);
            tally.check(right, format_args!("not refused: {kind:?}"));
            return Ok(());
        }
        _ => {}
    }
    let stream = TcpStream::connect_timeout(server, STUCK).await?;
    // A reset leaves nothing behind that keeps the port for a minute.
    if random.once_in(2) {
        stream.set_linger(Some(Duration::ZERO))?;
    }
    // Some leave without a word, some without the answer.
    let steps = random.below(6);
    if steps == 0 {
        return Ok(());
    }
    let bytes = Bytes(random.next());
    let mut buffer = [0; 32];
    bytes.fill(0, &mut buffer);
    stream.write_all(&buffer).await?;
    if steps > 1 {
        stream.read_exact(&mut buffer).await?;
        tally.check(bytes.are(0, &buffer), "a wrong byte in the churn");
    }
    Ok(())
}
