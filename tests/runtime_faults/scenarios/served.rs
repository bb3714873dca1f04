//! [`serve`], and clients that exchange bytes with it. A server outlives every error of its listener, and clients see none of them; an
//! error of a connection ends that one.

use super::{LONG, Stream, read_to_end, write_to_end};
use crate::calls::{Call, Expect, Fault};
use crate::ledger::{Ledger, Part};
use futures_util::future::try_join;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use waterwheel::net::{
    ServeOptions, Server, TcpListener, TcpSocket, UnixListener, UnixStream, serve,
};
use waterwheel::{JoinSet, timeout};

/// How much each client sends. The last is more than the buffers take.
const LENGTHS: [usize; 3] = [1, 900, 48 << 10];

/// Errors of the network that are pending on a connection that waits: it has gone, which concerns nobody.
const GONE: [i32; 7] = [
    libc::EPROTO,
    libc::ENETDOWN,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::ENONET,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
];

pub(super) fn expect(call: Call, fault: Fault) -> Option<Expect> {
    match (call, fault) {
        (Call::Accept, Fault::Fail(code)) if GONE.contains(&code) => Some(Expect::Invisible),
        _ => None,
    }
}

pub(super) async fn tcp(ledger: Ledger) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let theirs = ledger.clone();
    let server = serve(listener, options(&ledger), move |stream, _| {
        handle(stream, theirs.clone())
    });
    let clients = LENGTHS.iter().zip(0..).map(|(&length, number)| async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_send_buffer_size(4096)?;
        let stream = timeout(LONG, socket.connect(address)).await??;
        exchange(&stream, number, length).await
    });
    finish(server, clients, ledger).await;
    Ok(())
}

pub(super) async fn unix(ledger: Ledger) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let name = format!("waterwheel-faults-{process}-{number}");
    let address = UnixAddr::from_abstract_name(name)?;
    let listener = UnixListener::bind_addr(&address)?;
    let theirs = ledger.clone();
    let server = serve(listener, options(&ledger), move |stream, _| {
        handle(stream, theirs.clone())
    });
    let clients = LENGTHS.iter().zip(0..).map(move |(&length, number)| {
        let address = address.clone();
        async move {
            let stream = timeout(LONG, UnixStream::connect_addr(&address)).await??;
            stream.set_send_buffer_size(4096)?;
            exchange(&stream, number, length).await
        }
    });
    finish(server, clients, ledger).await;
    Ok(())
}

fn options<A>(ledger: &Ledger) -> ServeOptions<A> {
    let ledger = ledger.clone();
    ServeOptions::new()
        .refuse_after(Duration::MAX)
        .on_error(move |peer, error| {
            // Those of handlers are in the ledger already, with their numbers.
            if peer.is_none() {
                ledger.told(io::Error::from_raw_os_error(
                    error.raw_os_error().expect("the kernel's"),
                ));
            }
        })
}

/// The server's side: hears which stream it is, and sends back what comes.
async fn handle(stream: impl Stream, ledger: Ledger) -> io::Result<()> {
    let mut part = Part::Unknown;
    let echoed = async {
        let mut number = [0];
        if stream.read(&mut number).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        part = Part::Number(number[0]);
        let mut buffer = [0; 16 << 10];
        loop {
            match timeout(LONG, stream.read(&mut buffer)).await?? {
                0 => return stream.end(),
                count => stream.write_all(&buffer[..count]).await?,
            }
        }
    }
    .await;
    let failed = echoed.is_err();
    ledger.ended(part, echoed);
    if failed {
        Err(io::ErrorKind::Other.into())
    } else {
        Ok(())
    }
}

/// A client's side.
async fn exchange(stream: &impl Stream, number: u8, length: usize) -> io::Result<()> {
    stream.write_all(&[number]).await?;
    let sent = write_to_end(stream, number, length);
    let received = read_to_end(stream, number, length);
    try_join(sent, received).await.map(drop)
}

async fn finish<C>(server: Server, clients: impl Iterator<Item = C>, ledger: Ledger)
where
    C: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut set = JoinSet::new();
    for (client, number) in clients.zip(0..) {
        set.spawn(async move { (number, client.await) });
    }
    while let Some(ended) = set.join_next().await {
        let (number, result) = ended.expect("a client does not panic");
        ledger.ended(Part::Number(number), result);
    }
    let report = server.shutdown(Instant::now() + LONG).await;
    assert_eq!(
        report.accepted,
        report.finished + report.failed,
        "{report:?}"
    );
    assert!(report.failed <= 1, "one fault, and {report:?}");
    assert!(ledger.times_told() <= 1, "the same trouble is told once");
    // One may have failed before it was connected.
    assert!(report.accepted + 1 >= LENGTHS.len() as u64, "{report:?}");
    assert_eq!(server.connections(), 0);
}
