//! A plain accept loop, and the calls that `serve` and its clients have no use for.

use super::{LONG, accept, bytes, check};
use crate::ledger::{Ledger, Part};
use futures_util::future::{Either, select};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::{JoinSet, spawn, timeout};

/// How many clients there are, one after the other.
const CLIENTS: u8 = 2;
const LENGTH: usize = 3000;

pub(super) async fn run(ledger: Ledger) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let theirs = ledger.clone();
    let mut clients = spawn(async move {
        for number in 0..CLIENTS {
            theirs.ended(Part::Number(number), client(address, number).await);
        }
    });
    let mut set = JoinSet::new();
    loop {
        let accepting = pin!(accept(&listener, &ledger));
        let stream = match select(accepting, &mut clients).await {
            Either::Left((stream, _)) => stream.expect("it goes on"),
            Either::Right((ended, _)) => break ended.expect("no panic"),
        };
        let ledger = ledger.clone();
        set.spawn(async move {
            let mut part = Part::Unknown;
            let served = serve_one(stream, &mut part).await;
            ledger.ended(part, served);
        });
    }
    while let Some(ended) = set.join_next().await {
        ended.expect("no panic");
    }
    Ok(())
}

async fn serve_one(stream: TcpStream, part: &mut Part) -> io::Result<()> {
    let mut number = [0];
    if stream.peek(&mut number).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (reader, writer) = stream.into_split();
    reader.read_exact(&mut number).await?;
    let stream = number[0];
    *part = Part::Number(stream);
    let (mut front, mut back) = ([0; 100], [0; LENGTH]);
    let mut read = 0;
    while read < LENGTH {
        let mut buffers = [IoSliceMut::new(&mut front), IoSliceMut::new(&mut back)];
        let count = match timeout(LONG, reader.read_vectored(&mut buffers)).await?? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
        let in_front = count.min(front.len());
        check(stream, read, &front[..in_front]);
        check(stream, read + in_front, &back[..count - in_front]);
        read += count;
    }
    let all = bytes(stream, LENGTH);
    let mut written = 0;
    while written < LENGTH {
        let (one, other) = all[written..].split_at((LENGTH - written) / 2);
        match writer
            .write_vectored(&[IoSlice::new(one), IoSlice::new(other)])
            .await?
        {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written += count,
        }
    }
    writer.shutdown()?;
    // Else it would do so again, and tell nobody.
    writer.forget();
    Ok(())
}

async fn client(address: SocketAddr, number: u8) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(address, LONG).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&[number]).await?;
    // The other side waits for each of them.
    let all = bytes(number, LENGTH);
    for piece in all.chunks(LENGTH / 3) {
        stream.write_all(piece).await?;
        waterwheel::yield_now().await;
    }
    stream.readable().await?;
    let mut answer = vec![0; LENGTH];
    let mut reading = stream.read_exact(&mut answer);
    let read = timeout(LONG, &mut reading).await?;
    let filled = reading.filled();
    drop(reading);
    check(number, 0, &answer[..filled]);
    read?;
    assert_eq!(filled, LENGTH);
    stream.shutdown(Shutdown::Both)
}
