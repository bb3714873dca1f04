//! Several datagrams a system call: none is lost in a batch, and what is told of each is its own.

mod support;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use support::{Random, block_on, counting_polls};
use waterwheel::net::{RecvBatch, SendBatch, UdpSocket};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const SEED: u64 = 0xba7c_4e50_0f00_d001;

async fn pair() -> io::Result<(UdpSocket, UdpSocket)> {
    Ok((UdpSocket::bind(ANY).await?, UdpSocket::bind(ANY).await?))
}

#[test]
fn a_batch_has_what_has_come_and_no_more() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let to = ours.local_addr()?;
        let mut batch = RecvBatch::new(4, 8);
        assert_eq!((batch.capacity(), batch.len()), (4, 0));
        let mut receiving = ours.recv_batch(&mut batch);
        assert!(futures_util::poll!(&mut receiving).is_pending());
        for word in ["one", "", "three", "is too long", "five", "six"] {
            theirs.send_to(word.as_bytes(), to).await?;
        }
        let (received, polls) = counting_polls(receiving).await;
        assert_eq!(received?, 4);
        assert!(polls <= 2, "polled {polls} times");
        let heard: Vec<_> = batch.iter().map(|d| (d.bytes, d.truncated)).collect();
        let expected: [(&[u8], bool); 4] = [
            (b"one", false),
            (b"", false),
            (b"three", false),
            (b"is too l", true),
        ];
        assert_eq!(heard, expected);
        let from = theirs.local_addr()?;
        assert!(batch.iter().all(|datagram| datagram.from == from));

        assert_eq!(ours.recv_batch(&mut batch).await?, 2);
        assert_eq!(batch.get(0).expect("two").bytes, b"five");
        assert_eq!(batch.get(1).expect("two").bytes, b"six");
        assert!(batch.get(2).is_none(), "the former ones are gone");
        let nothing = ours.try_recv_batch(&mut batch).expect_err("no more");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        assert!(batch.is_empty());
        Ok(())
    })
}

#[test]
fn a_batch_goes_to_many_and_in_order() -> io::Result<()> {
    block_on(async {
        let (first, second) = pair().await?;
        let sender = UdpSocket::bind(ANY).await?;
        let mut batch = SendBatch::new();
        for _ in 0..3 {
            for count in 0..50u8 {
                let to = [&first, &second][usize::from(count % 2)].local_addr()?;
                batch.push(&[count], to);
            }
            assert_eq!((batch.len(), batch.sent()), (50, 0));
            sender.send_batch(&mut batch).await?;
            assert_eq!((batch.sent(), batch.is_sent()), (50, true));
            sender.send_batch(&mut batch).await?;
            assert_eq!(sender.try_send_batch(&mut batch)?, 0, "nothing is left");
            batch.clear();
            for count in 0..50u8 {
                let mut byte = [0];
                [&first, &second][usize::from(count % 2)]
                    .recv(&mut byte)
                    .await?;
                assert_eq!(byte, [count]);
            }
        }
        Ok(())
    })
}

#[test]
fn without_an_address_a_batch_goes_where_the_socket_is_connected() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        theirs.connect(ours.local_addr()?).await?;
        let mut batch = SendBatch::new();
        batch.push_connected(b"there");
        batch.push_connected(b"and there");
        assert_eq!(theirs.try_send_batch(&mut batch)?, 2);
        let mut batch = RecvBatch::new(8, 64);
        assert_eq!(ours.recv_batch(&mut batch).await?, 2);
        assert_eq!(batch.get(1).expect("two").bytes, b"and there");
        Ok(())
    })
}

/// The kernel loses the error if anything was sent before: it is told when that datagram is the first.
#[test]
fn the_datagram_that_meets_an_error_is_known_and_may_be_left_out() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let to = ours.local_addr()?;
        let mut batch = SendBatch::new();
        batch.push(b"first", to);
        batch.push(&[0; 70_000], to);
        batch.push(b"third", to);
        for _ in 0..2 {
            let error = theirs.send_batch(&mut batch).await.expect_err("too long");
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
            assert_eq!((batch.sent(), batch.is_sent()), (1, false));
        }
        batch.skip();
        theirs.send_batch(&mut batch).await?;
        assert_eq!((batch.sent(), batch.len()), (2, 3));
        let mut buffer = [0; 16];
        for word in [b"first", b"third"] {
            assert_eq!(ours.recv(&mut buffer).await?, 5);
            assert_eq!(&buffer[..5], word);
        }
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        Ok(())
    })
}

/// Batches of random size, through a socket whose buffer has no room for all: nobody loses one, as the receiver keeps up.
#[test]
fn what_random_batches_say_comes_as_it_was_sent() -> io::Result<()> {
    println!("seed {SEED:#x}");
    block_on(async {
        let (ours, theirs) = pair().await?;
        let to: SocketAddr = ours.local_addr()?;
        let mut random = Random(SEED);
        let (mut outgoing, mut incoming) = (SendBatch::new(), RecvBatch::new(32, 600));
        for _ in 0..200 {
            outgoing.clear();
            let mut sent = Vec::new();
            for _ in 0..random.up_to(100) {
                let length = random.up_to(500);
                let bytes = random.bytes(length);
                outgoing.push(&bytes, to);
                sent.push(bytes);
            }
            theirs.send_batch(&mut outgoing).await?;
            let mut received = Vec::new();
            while received.len() < sent.len() {
                assert!(ours.recv_batch(&mut incoming).await? > 0);
                received.extend(incoming.iter().map(|datagram| datagram.bytes.to_vec()));
            }
            assert_eq!(received, sent);
        }
        Ok(())
    })
}

#[test]
fn a_batch_of_nothing_is_sent_at_once() -> io::Result<()> {
    block_on(async {
        let (ours, _) = pair().await?;
        ours.send_batch(&mut SendBatch::new()).await
    })
}

#[test]
fn a_cancelled_batch_is_empty_and_loses_no_datagram() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let mut batch = RecvBatch::new(4, 16);
        theirs.send_to(b"before", ours.local_addr()?).await?;
        assert_eq!(ours.recv_batch(&mut batch).await?, 1);
        let mut cancelled = ours.recv_batch(&mut batch);
        assert!(futures_util::poll!(&mut cancelled).is_pending());
        theirs.send_to(b"after", ours.local_addr()?).await?;
        drop(cancelled);
        assert!(batch.is_empty());
        assert_eq!(ours.recv_batch(&mut batch).await?, 1);
        assert_eq!(batch.get(0).expect("one").bytes, b"after");
        Ok(())
    })
}

#[test]
fn a_batch_without_room_says_so() {
    let panic = std::panic::catch_unwind(|| RecvBatch::new(0, 1500)).expect_err("no room");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains("RecvBatch::new(0, 1500)"), "{message}");
    assert_eq!(RecvBatch::new(5000, 16).capacity(), 1024);
}
