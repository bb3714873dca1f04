//! [`copy_bidirectional`] between two connections, by splice where the flow is worth it; and [`send_file`]. Beside that one, another
//! relay, which is to go on whatever befalls it.

use super::{LONG, Stream, read_to_end, tcp_pair, write_to_end};
use crate::calls::{Call, Expect, Fault};
use crate::ledger::{Ledger, Part};
use futures_util::future::try_join;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::FromRawFd;
use waterwheel::net::{TcpStream, UnixStream, copy_bidirectional, send_file};
use waterwheel::{spawn, timeout};

/// How much goes there, and back. So much that it is spliced.
const THERE: usize = 256 << 10;
const BACK: usize = 700;
const FILE: usize = 100 << 10;

pub(super) fn expect(call: Call, fault: Fault) -> Option<Expect> {
    match (call, fault) {
        // Clients here take it as the relay does: their own direction tells.
        (Call::Shutdown, Fault::Lie(libc::ENOTCONN)) => Some(Expect::Invisible),
        _ => None,
    }
}

pub(super) async fn run(ledger: Ledger) -> io::Result<()> {
    let (client, inner) = tcp_pair(&ledger, None).await?;
    let (outer, server) = tcp_pair(&ledger, None).await?;
    let (client_too, inner_too) = UnixStream::pair()?;
    let (outer_too, server_too) = UnixStream::pair()?;
    let first = relayed(0, THERE, (client, inner), (outer, server), ledger.clone());
    let second = relayed(
        2,
        BACK,
        (client_too, inner_too),
        (outer_too, server_too),
        ledger.clone(),
    );
    let (first, second) = (spawn(first), spawn(second));
    let (ours, theirs) = tcp_pair(&ledger, None).await?;
    let third = spawn(sent_file(ours, theirs, ledger.clone()));
    for part in [first, second, third] {
        part.await.expect("no panic");
    }
    Ok(())
}

async fn relayed<S: Stream>(
    number: u8,
    there: usize,
    (client, inner): (S, S),
    (outer, server): (S, S),
    ledger: Ledger,
) {
    let part = Part::Number(number);
    let relay = spawn(async move { copy_bidirectional(&inner, &outer).await });
    let client = spawn(both(client, (number, there), (number + 1, BACK)));
    let server = spawn(both(server, (number + 1, BACK), (number, there)));
    let relayed = timeout(LONG, relay)
        .await
        .expect("it ends")
        .expect("no panic");
    let client = client.await.expect("no panic");
    let server = server.await.expect("no panic");
    // A client that fails ends its stream before.
    if let (Ok(copied), Ok(()), Ok(())) = (&relayed, &client, &server) {
        assert_eq!(*copied, (there as u64, BACK as u64));
    }
    for result in [relayed.map(drop), client, server] {
        ledger.ended(part, result);
    }
}

/// Writes one stream, and reads another.
async fn both(socket: impl Stream, writes: (u8, usize), reads: (u8, usize)) -> io::Result<()> {
    let written = async {
        match write_to_end(&socket, writes.0, writes.1).await {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    };
    let read = read_to_end(&socket, reads.0, reads.1);
    try_join(written, read).await.map(drop)
}

async fn sent_file(ours: TcpStream, theirs: TcpStream, ledger: Ledger) {
    const NUMBER: u8 = 4;
    let part = Part::Number(NUMBER);
    let file = file();
    let sending = spawn(async move {
        let mut sending = send_file(&file, 0, u64::MAX, &ours);
        let result = timeout(LONG, &mut sending).await.expect("it ends");
        let sent = sending.sent();
        if let Ok(all) = &result {
            assert_eq!((*all, sent), (FILE as u64, FILE as u64));
        }
        match ours.end() {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error),
            _ => result.map(drop),
        }
    });
    let received = read_to_end(&theirs, NUMBER, FILE).await;
    ledger.ended(part, received);
    ledger.ended(part, sending.await.expect("no panic"));
}

/// A file in memory, with the front of that stream in it.
fn file() -> File {
    // SAFETY: the name is a C string; what the call gives is a descriptor of ours alone, or −1, which is checked.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"faults".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0, "memfd_create");
        File::from_raw_fd(fd)
    };
    file.write_all(&super::bytes(4, FILE)).expect("memory");
    file
}
