//! Sockets: a pair of Unix streams within one runtime, as what is sent through one is there at once, and with TCP but mostly.

use waterwheel::net::{Outbox, UnixStream};
use waterwheel::{block_on, spawn_local};

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
