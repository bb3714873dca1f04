//! Unix datagrams: none is lost, and who sends too many waits.

mod support;

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::process;
use std::time::Duration;
use support::{block_on, counting_polls};
use waterwheel::net::UnixDatagram;

fn abstract_name(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("waterwheel-{name}-{}", process::id()))
}

#[test]
fn a_datagram_comes_whole_and_tells_who_sent_it() -> io::Result<()> {
    block_on(async {
        let path = env::temp_dir().join(format!("waterwheel-datagram-{}", process::id()));
        let _ = fs::remove_file(&path);
        let server = UnixDatagram::bind(&path)?;
        assert_eq!(server.local_addr()?.as_pathname(), Some(&*path));
        let address = abstract_name("datagram-client")?;
        let client = UnixDatagram::bind_addr(&address)?;
        client.send_to(b"one", &path).await?;
        assert_eq!(client.try_send_to(b"two", &path)?, 3);
        client.connect(&path)?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
        client.send(b"three").await?;

        let mut buffer = [0; 16];
        assert_eq!(server.peek(&mut buffer).await?, 3);
        let (length, from) = server.peek_from(&mut buffer).await?;
        assert_eq!(&buffer[..length], b"one");
        assert_eq!(from.as_abstract_name(), address.as_abstract_name());
        for expected in [&b"one"[..], b"two", b"three"] {
            let (length, from) = server.recv_from(&mut buffer).await?;
            assert_eq!(&buffer[..length], expected);
            assert_eq!(from.as_abstract_name(), address.as_abstract_name());
        }
        server.send_to_addr(b"answer", &address).await?;
        assert_eq!(client.recv(&mut buffer).await?, 6);
        fs::remove_file(&path)?;
        let error = server.send_to(b"!", &path).await.expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        Ok(())
    })
}

/// Of two that are connected to each other, what fills is the buffer of the one who sends.
#[test]
fn who_has_no_room_left_waits_until_enough_is_received() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixDatagram::pair()?;
        let mut sent = 0u32;
        while ours.try_send(&sent.to_le_bytes()).is_ok() {
            sent += 1;
        }
        assert!(sent > 0);
        let last = sent.to_le_bytes();
        let mut waiting = ours.send(&last);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let receiving = async {
            let mut buffer = [0; 16];
            for expected in 0..=sent {
                assert_eq!(theirs.recv(&mut buffer).await?, 4);
                assert_eq!(&buffer[..4], expected.to_le_bytes(), "none is lost");
            }
            assert!(futures_util::poll!(theirs.recv(&mut buffer)).is_pending());
            io::Result::Ok(())
        };
        let ((sending, polls), received) = futures_util::join!(counting_polls(waiting), receiving);
        assert_eq!(sending?, 4);
        assert!(polls <= 4, "polled {polls} times");
        received
    })
}

/// Where the receiver is not connected back, its queue has a length; and of room there, who is connected is told.
#[test]
fn who_sends_to_a_full_receiver_waits_until_there_is_room() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("full")?;
        let server = UnixDatagram::bind_addr(&address)?;
        let (other, client) = (UnixDatagram::unbound()?, UnixDatagram::unbound()?);
        client.connect_addr(&address)?;
        while other.try_send_to_addr(b"other", &address).is_ok() {}
        let mut waiting = client.send(b"client");
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let mut buffer = [0; 16];
        assert_eq!(server.recv(&mut buffer).await?, 5);
        let (sending, polls) = counting_polls(waiting).await;
        assert_eq!(sending?, 6);
        assert!(polls <= 4, "polled {polls} times");
        Ok(())
    })
}

/// The queue is full of what somebody else has sent: when there is room, no event tells a socket that is not connected.
#[test]
fn who_is_not_connected_and_sends_to_a_receiver_full_of_others_waits_too() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("full-of-others")?;
        let server = UnixDatagram::bind_addr(&address)?;
        let (other, client) = (UnixDatagram::unbound()?, UnixDatagram::unbound()?);
        while other.try_send_to_addr(b"other", &address).is_ok() {}
        let refused = client.try_send_to_addr(b"client", &address);
        assert_eq!(refused.expect_err("full").kind(), ErrorKind::WouldBlock);

        let sending = waterwheel::spawn(async move {
            counting_polls(client.send_to_addr(b"client", &address)).await
        });
        waterwheel::sleep(Duration::from_millis(30)).await;
        assert!(!sending.is_finished(), "there is no room");
        let mut buffer = [0; 16];
        assert_eq!(server.recv(&mut buffer).await?, 5);
        let (sent, polls) = sending.await.expect("no panic");
        assert_eq!(sent?, 6);
        // The kernel makes an event of each attempt that fails.
        assert!(polls <= 20, "polled {polls} times: it spins");
        loop {
            let length = server.recv(&mut buffer).await?;
            if &buffer[..length] == b"client" {
                return Ok(());
            }
        }
    })
}

#[test]
fn a_task_that_sends_without_end_lets_others_run() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("without-end")?;
        let server = UnixDatagram::bind_addr(&address)?;
        // Both on this thread: on another, the other one starves nobody either.
        let sending = waterwheel::spawn_local(async move {
            let client = UnixDatagram::unbound()?;
            let other = waterwheel::spawn_local(async {});
            let mut buffer = [0; 1];
            for _ in 0..1000 {
                client.send_to_addr(b"!", &address).await?;
                server.try_recv(&mut buffer)?;
            }
            io::Result::Ok(other.is_finished())
        });
        assert!(sending.await.expect("no panic")?);
        Ok(())
    })
}

#[test]
fn a_peer_that_is_gone_is_an_error() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixDatagram::pair()?;
        theirs.shutdown(Shutdown::Read)?;
        let error = ours.send(b"!").await.expect_err("it does not listen");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        drop(theirs);
        let error = ours.send(b"!").await.expect_err("it is gone");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ),
            "{error}"
        );
        Ok(())
    })
}

#[test]
fn the_kernel_vouches_for_who_made_a_pair() -> io::Result<()> {
    let (ours, _theirs) = UnixDatagram::pair()?;
    let peer = ours.peer_cred()?;
    assert_eq!(peer.pid(), Some(process::id().cast_signed()));
    let unbound = UnixDatagram::unbound()?.peer_cred()?;
    assert_eq!((unbound.pid(), unbound.uid()), (None, u32::MAX));
    Ok(())
}

#[test]
fn a_socket_goes_to_the_standard_library_and_comes_back() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = net::UnixDatagram::pair()?;
        let ours = UnixDatagram::try_from(ours)?;
        let mut buffer = [0; 16];
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        let ours = UnixDatagram::from_std(ours.into_std())?;
        let mut receiving = ours.recv(&mut buffer);
        assert!(futures_util::poll!(&mut receiving).is_pending());
        theirs.send(b"back")?;
        assert_eq!(receiving.await?, 4);
        let nothing = ours.try_recv(&mut buffer).expect_err("nothing more");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let mut readable = ours.readable();
        assert!(futures_util::poll!(&mut readable).is_pending());
        theirs.send(b"more")?;
        readable.await?;
        let (length, from) = ours.try_recv_from(&mut buffer)?;
        assert!(length == 4 && from.is_unnamed());
        ours.writable().await
    })
}
