//! UDP, one by one and in batches, and Unix datagrams. An error of a datagram is told to who sends or receives it, and the next one has
//! nothing to do with it: so who is told tries again.

use super::{LONG, bytes, check};
use crate::calls::{Call, Expect, Fault};
use crate::ledger::{Ledger, Part};
use std::io;
use waterwheel::net::{RecvBatch, SendBatch, UdpSocket, UnixDatagram};
use waterwheel::{spawn, timeout};

const ROUNDS: usize = 4;
const BATCH: usize = 8;

pub(super) fn expect(call: Call, fault: Fault) -> Option<Expect> {
    match (call, fault) {
        // Who waits for a datagram, and cannot, tries again, too.
        (Call::EpollAdd, Fault::Fail(_)) => Some(Expect::Told),
        _ => None,
    }
}

/// Makes a call until it succeeds.
macro_rules! again {
    ($ledger:expr, $call:expr) => {
        loop {
            match timeout(LONG, $call)
                .await
                .expect("nothing is lost on one machine")
            {
                Ok(value) => break value,
                Err(error) => $ledger.told(error),
            }
        }
    };
}

pub(super) async fn run(ledger: Ledger) -> io::Result<()> {
    let part = |number, result| ledger.ended(Part::Number(number), result);
    let one = spawn(one_by_one(ledger.clone()));
    let many = spawn(in_batches(ledger.clone()));
    let unix = spawn(unix(ledger.clone()));
    part(0, one.await.expect("no panic"));
    part(1, many.await.expect("no panic"));
    part(2, unix.await.expect("no panic"));
    Ok(())
}

async fn one_by_one(ledger: Ledger) -> io::Result<()> {
    let server = UdpSocket::bind("127.0.0.1:0").await?;
    let client = UdpSocket::bind("127.0.0.1:0").await?;
    let address = server.local_addr()?;
    client.connect(address).await?;
    let theirs = ledger.clone();
    let echo = spawn(async move {
        let mut buffer = [0; 2000];
        for _ in 0..ROUNDS {
            let (count, from) = again!(theirs, server.recv_from(&mut buffer));
            let sent = again!(theirs, server.send_to(&buffer[..count], from));
            assert_eq!(sent, count);
        }
    });
    for round in 0..ROUNDS {
        let message = bytes(0, round * 400);
        let sent = again!(ledger, client.send(&message));
        assert_eq!(sent, message.len());
        let mut buffer = [0; 2000];
        let count = again!(ledger, client.recv(&mut buffer));
        assert_eq!(count, message.len());
        check(0, 0, &buffer[..count]);
    }
    echo.await.expect("no panic");
    Ok(())
}

async fn in_batches(ledger: Ledger) -> io::Result<()> {
    let server = UdpSocket::bind("127.0.0.1:0").await?;
    let client = UdpSocket::bind("127.0.0.1:0").await?;
    let address = server.local_addr()?;
    let theirs = ledger.clone();
    let receiving = spawn(async move {
        let mut batch = RecvBatch::new(BATCH, 500);
        let mut received = 0;
        while received < ROUNDS * BATCH {
            let count = again!(theirs, server.recv_batch(&mut batch));
            assert_eq!(count, batch.len());
            for datagram in batch.iter() {
                assert_eq!(datagram.bytes.len(), 10 * (received % BATCH));
                check(1, 0, datagram.bytes);
                received += 1;
            }
        }
    });
    let mut batch = SendBatch::new();
    for _ in 0..ROUNDS {
        for number in 0..BATCH {
            batch.push(&bytes(1, 10 * number), address);
        }
        again!(ledger, client.send_batch(&mut batch));
        assert_eq!(batch.sent(), BATCH);
        batch.clear();
        waterwheel::yield_now().await;
    }
    receiving.await.expect("no panic");
    Ok(())
}

async fn unix(ledger: Ledger) -> io::Result<()> {
    let (ours, theirs) = UnixDatagram::pair()?;
    ours.set_send_buffer_size(4096)?;
    let told = ledger.clone();
    // More than there is room for, so that the writer waits.
    let messages = 3 * ROUNDS;
    let receiving = spawn(async move {
        let mut buffer = [0; 2000];
        for _ in 0..messages {
            let count = again!(told, theirs.recv(&mut buffer));
            assert_eq!(count, 1500);
            check(2, 0, &buffer[..count]);
        }
    });
    let message = bytes(2, 1500);
    for _ in 0..messages {
        again!(ledger, ours.send(&message));
    }
    receiving.await.expect("no panic");
    Ok(())
}
