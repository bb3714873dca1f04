//! Streams by the traits of `futures-io`, as other libraries use them.

#![cfg(feature = "futures-io")]

use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, copy};
use futures_util::{FutureExt, StreamExt};
use std::io;
use waterwheel::net::{PollStream, StreamSocket, TcpListener, TcpStream, UnixStream};
use waterwheel::{block_on, spawn, yield_now};

async fn tcp() -> (PollStream<TcpStream>, PollStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client.into(), server.into())
}

fn unix() -> (PollStream<UnixStream>, PollStream<UnixStream>) {
    let (one, other) = UnixStream::pair().unwrap();
    (one.into(), other.into())
}

/// A megabyte there and back, read while it is written, until the end in both directions.
async fn an_echo<S: StreamSocket>((client, server): (PollStream<S>, PollStream<S>)) {
    let echo = spawn(async move {
        let (reader, mut writer) = server.split();
        let copied = copy(reader, &mut writer).await?;
        writer.close().await?;
        io::Result::Ok(copied)
    });
    let sent: Vec<u8> = (0..1 << 20)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let expected = sent.clone();
    let (mut reader, mut writer) = client.split();
    let writing = spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.close().await.unwrap();
        writer.close().await.unwrap();
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), expected.len());
    assert!(received == expected);
    writing.await.unwrap();
    assert_eq!(echo.await.unwrap().unwrap(), 1 << 20);
}

#[test]
fn an_echo_by_copy_and_split() {
    block_on(async {
        an_echo(tcp().await).await;
        an_echo(unix()).await;
    });
}

#[test]
fn lines_and_bytes_from_one_stream() {
    block_on(async {
        let (mut client, mut server) = tcp().await;
        client
            .write_all(b"first line\nsecond\nand the rest")
            .await
            .unwrap();
        client.close().await.unwrap();
        let mut line = String::new();
        server.read_line(&mut line).await.unwrap();
        assert_eq!(line, "first line\n");
        // What has been read ahead is not lost to who reads past the buffer.
        let mut some = [0; 4];
        server.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"seco");
        let lines: Vec<_> = server.lines().map(|line| line.unwrap()).collect().await;
        assert_eq!(lines, ["nd", "and the rest"]);
    });
}

#[test]
fn a_read_that_is_given_up_takes_nothing() {
    block_on(async {
        let (mut client, mut server) = unix();
        let mut buffer = [0; 16];
        for _ in 0..100 {
            assert!(server.read(&mut buffer).now_or_never().is_none());
            assert!(server.fill_buf().now_or_never().is_none());
        }
        client.write_all(b"water").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
        drop(client);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    });
}

/// A stream that is always ready lets others run, by the budget of the task.
#[test]
fn a_flood_starves_nobody() {
    block_on(async {
        let (mut client, mut server) = unix();
        client.write_all(&[7; 100_000]).await.unwrap();
        let reading = spawn(async move {
            let mut byte = [0];
            for _ in 0..100_000 {
                server.read_exact(&mut byte).await.unwrap();
            }
        });
        let mut turns = 0;
        while !reading.is_finished() {
            yield_now().await;
            turns += 1;
        }
        assert!(turns > 500, "{turns} turns beside 100,000 reads");
    });
}
