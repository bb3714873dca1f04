//! Sockets, both ends of them within one runtime: what is sent is there before the call returns, by TCP to this machine too.

use std::io;
use std::time::Duration;
use waterwheel::net::{Outbox, TcpListener, TcpStream, UnixStream};
use waterwheel::{block_on, spawn_local, timeout};

const MESSAGE: &[u8; 64] = &[7; 64];

/// Messages that are sent before they are read: the socket has room for more.
pub(super) const BATCH: usize = 50;

pub(super) fn echo(operations: usize) {
    block_on(async {
        let (client, server) = UnixStream::pair().expect("a pair of sockets");
        let server = spawn_local(async move {
            let mut buffer = [0; 4096];
            let mut echoed = 0;
            while let Ok(count @ 1..) = server.read(&mut buffer).await {
                server.write_all(&buffer[..count]).await.expect("room");
                echoed += count;
            }
            echoed
        });
        for _ in 0..operations {
            let mut answer = [0; MESSAGE.len()];
            client.write_all(MESSAGE).await.expect("room");
            client.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, MESSAGE);
        }
        drop(client);
        let echoed = server.await.expect("no panic");
        assert_eq!(echoed, operations * MESSAGE.len());
    });
}

/// By TCP, whose short reads save a call that a Unix stream must make, and with a limit on how long the server waits.
pub(super) fn echo_timeout(operations: usize) {
    const LIMIT: Duration = Duration::from_secs(3600);
    block_on(async {
        let (client, server) = tcp_pair().await.expect("a connection");
        let server = spawn_local(async move {
            let mut buffer = [0; 4096];
            let mut echoed = 0;
            while let Ok(Ok(count @ 1..)) = timeout(LIMIT, server.read(&mut buffer)).await {
                server.write_all(&buffer[..count]).await.expect("room");
                echoed += count;
            }
            echoed
        });
        for _ in 0..operations {
            let mut answer = [0; MESSAGE.len()];
            client.write_all(MESSAGE).await.expect("room");
            client.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, MESSAGE);
        }
        drop(client);
        let echoed = server.await.expect("no panic");
        assert_eq!(echoed, operations * MESSAGE.len());
    });
}

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

pub(super) fn outbox_send(operations: usize) {
    block_on(async {
        let (reader, sender) = UnixStream::pair().expect("a pair of sockets");
        let outbox = Outbox::new(sender);
        let mut received = [0; BATCH * MESSAGE.len()];
        for _ in 0..operations / BATCH {
            for _ in 0..BATCH {
                outbox.send(MESSAGE).await.expect("somebody reads");
            }
            reader.read_exact(&mut received).await.expect("it was sent");
        }
        assert_eq!(outbox.queued_bytes(), 0);
    });
}
