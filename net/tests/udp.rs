//! UDP: each datagram whole, from whom it is; what is lost, and what is told of it.

mod support;

use std::io::{self, ErrorKind};
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use support::{Random, block_on, counting_polls};
use waterwheel::net::UdpSocket;
use waterwheel::reactor::Reactor;

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Two sockets that are connected to each other.
async fn pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let (ours, theirs) = (UdpSocket::bind(ANY).await?, UdpSocket::bind(ANY).await?);
    ours.connect(theirs.local_addr()?).await?;
    theirs.connect(ours.local_addr()?).await?;
    Ok((ours, theirs))
}

#[test]
fn a_datagram_comes_whole_and_tells_who_sent_it() -> io::Result<()> {
    block_on(async {
        let server = UdpSocket::bind("127.0.0.1:0").await?;
        let client = UdpSocket::bind(ANY).await?;
        let (to, from) = (server.local_addr()?, client.local_addr()?);
        let mut buffer = [0; 64];
        let mut receiving = server.recv_from(&mut buffer);
        assert!(futures_util::poll!(&mut receiving).is_pending());
        assert_eq!(client.send_to(b"first", to).await?, 5);
        assert_eq!(client.send_to(b"", to).await?, 0);
        assert_eq!(client.send_to(b"third", to).await?, 5);
        assert_eq!(receiving.await?, (5, from));
        assert_eq!(&buffer[..5], b"first");
        assert_eq!(server.recv_from(&mut buffer).await?, (0, from));
        assert_eq!(server.recv_from(&mut buffer).await?, (5, from));
        assert_eq!(&buffer[..5], b"third");
        assert!(futures_util::poll!(server.recv_from(&mut buffer)).is_pending());
        Ok(())
    })
}

#[test]
fn a_connected_socket_hears_nobody_else() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        assert_eq!(ours.peer_addr()?, theirs.local_addr()?);
        let stranger = UdpSocket::bind(ANY).await?;
        let error = stranger.peer_addr().expect_err("not connected");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        stranger.send_to(b"psst", ours.local_addr()?).await?;
        assert_eq!(theirs.send(b"hello").await?, 5);
        let mut buffer = [0; 64];
        assert_eq!(ours.recv(&mut buffer).await?, 5);
        assert_eq!(&buffer[..5], b"hello");
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        let error = stranger.send(b"to whom?").await.expect_err("nobody");
        assert_eq!(error.raw_os_error(), Some(libc::EDESTADDRREQ));
        Ok(())
    })
}

/// A short datagram says nothing about the next: nothing but `WouldBlock` clears the readiness.
#[test]
fn datagrams_that_came_together_are_all_received_after_one_event() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let mut buffer = [0; 64];
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        for length in 0..50 {
            theirs.send(&buffer[..length]).await?;
        }
        for length in 0..50 {
            assert_eq!(ours.recv(&mut buffer).await?, length);
        }
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        Ok(())
    })
}

#[test]
fn what_a_buffer_has_no_room_for_is_lost() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        theirs.send(b"too long").await?;
        theirs.send(b"gone").await?;
        theirs.send(b"next").await?;
        let mut buffer = [0; 3];
        assert_eq!(ours.recv(&mut buffer).await?, 3);
        assert_eq!(&buffer, b"too");
        assert_eq!(ours.recv(&mut []).await?, 0, "it is taken all the same");
        assert_eq!(ours.recv(&mut buffer).await?, 3);
        assert_eq!(&buffer, b"nex");
        Ok(())
    })
}

#[test]
fn what_was_peeked_is_still_there() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let from = theirs.local_addr()?;
        let mut buffer = [0; 16];
        let mut peeking = ours.peek(&mut buffer);
        assert!(futures_util::poll!(&mut peeking).is_pending());
        theirs.send(b"look").await?;
        assert_eq!(peeking.await?, 4);
        for _ in 0..3 {
            assert_eq!(ours.peek_from(&mut buffer).await?, (4, from));
            assert_eq!(&buffer[..4], b"look");
        }
        assert_eq!(ours.recv(&mut buffer).await?, 4);
        assert!(futures_util::poll!(ours.peek(&mut buffer)).is_pending());
        Ok(())
    })
}

#[test]
fn what_is_tried_does_not_wait() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let (to, from) = (ours.local_addr()?, theirs.local_addr()?);
        let mut buffer = [0; 16];
        for result in [
            ours.try_recv(&mut buffer),
            ours.try_recv_from(&mut buffer).map(|(count, _)| count),
        ] {
            assert_eq!(result.expect_err("nothing").kind(), ErrorKind::WouldBlock);
        }
        let mut readable = ours.readable();
        assert!(futures_util::poll!(&mut readable).is_pending());
        assert_eq!(theirs.try_send(b"one")?, 3);
        assert_eq!(theirs.try_send_to(b"two", to)?, 3);
        readable.await?;
        assert_eq!(ours.try_recv(&mut buffer)?, 3);
        assert_eq!(ours.try_recv_from(&mut buffer)?, (3, from));
        let nothing = ours.try_recv(&mut buffer).expect_err("nothing");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        assert!(futures_util::poll!(ours.readable()).is_pending());
        theirs.writable().await
    })
}

/// A socket that is connected to where nobody receives; and one that has the port so that nobody else can have it, and
/// hears none but itself.
async fn refused() -> io::Result<(UdpSocket, UdpSocket)> {
    let nobody = UdpSocket::bind(ANY).await?;
    nobody.connect(nobody.local_addr()?).await?;
    let socket = UdpSocket::bind(ANY).await?;
    socket.connect(nobody.local_addr()?).await?;
    Ok((socket, nobody))
}

/// Pitfall: SO_ERROR of a UDP socket is lost (tokio#8001): who receives waits for ever.
#[test]
fn that_nobody_received_is_told_to_who_receives() -> io::Result<()> {
    block_on(async {
        let (socket, _nobody) = refused().await?;
        let mut buffer = [0; 16];
        let mut receiving = socket.recv(&mut buffer);
        assert!(futures_util::poll!(&mut receiving).is_pending());
        socket.send(b"anybody?").await?;
        let (received, polls) = counting_polls(receiving).await;
        assert_eq!(
            received.expect_err("nobody").kind(),
            ErrorKind::ConnectionRefused
        );
        assert!(polls <= 3, "polled {polls} times");
        assert!(futures_util::poll!(socket.recv(&mut buffer)).is_pending());
        assert!(socket.take_error()?.is_none(), "once");
        let reactor = Reactor::current().expect("in a runtime");
        assert_eq!(reactor.turn_now()?, 0, "nothing spins");
        Ok(())
    })
}

#[test]
fn that_nobody_received_is_told_by_readable_and_take_error() -> io::Result<()> {
    block_on(async {
        let (socket, _nobody) = refused().await?;
        let mut readable = socket.readable();
        assert!(futures_util::poll!(&mut readable).is_pending());
        assert!(socket.take_error()?.is_none());
        socket.send(b"anybody?").await?;
        readable.await?;
        let error = socket.take_error()?.expect("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(socket.take_error()?.is_none(), "once");
        let nothing = socket.try_recv(&mut [0]).expect_err("nothing");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        assert!(futures_util::poll!(socket.readable()).is_pending());
        Ok(())
    })
}

#[test]
fn that_nobody_received_is_told_to_who_sends_next() -> io::Result<()> {
    block_on(async {
        let (socket, _nobody) = refused().await?;
        socket.send(b"anybody?").await?;
        // Over loopback the answer is there when the call returns.
        let error = socket.send(b"anybody?").await.expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        socket.send(b"the error was told").await?;
        Ok(())
    })
}

#[test]
fn too_long_for_a_datagram_is_an_error() -> io::Result<()> {
    block_on(async {
        let (ours, _theirs) = pair().await?;
        let error = ours.send(&[0; 70_000]).await.expect_err("too long");
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        Ok(())
    })
}

/// Many tasks send while one receives, all on one socket each: whatever comes has come as it was sent.
#[test]
fn datagrams_of_many_tasks_come_as_they_were_sent() -> io::Result<()> {
    const SEED: u64 = 0xda7a_67a3_0000_0001;
    println!("seed {SEED:#x}");
    block_on(async {
        let server = UdpSocket::bind(ANY).await?;
        let to = server.local_addr()?;
        let client = Arc::new(UdpSocket::bind(ANY).await?);
        let senders: Vec<_> = (0..8u8)
            .map(|task| {
                let client = Arc::clone(&client);
                waterwheel::spawn(async move {
                    let mut random = Random(SEED + u64::from(task));
                    for _ in 0..100 {
                        // Each byte says how many there are.
                        let length = random.up_to(200);
                        client.send_to(&vec![length as u8; length], to).await?;
                    }
                    io::Result::Ok(())
                })
            })
            .collect();
        let mut buffer = [0; 256];
        let mut received = 0;
        // The socket's buffer has room for all of them (212,992 bytes, and less than a KiB for each).
        for sender in senders {
            sender.await.expect("no panic")?;
            while let Poll::Ready(result) = futures_util::poll!(server.recv_from(&mut buffer)) {
                let (length, from) = result?;
                assert_eq!(from, client.local_addr()?);
                assert!(
                    buffer[..length]
                        .iter()
                        .all(|&byte| usize::from(byte) == length)
                );
                received += 1;
            }
        }
        assert!(received > 0);
        Ok(())
    })
}

#[test]
fn a_cancelled_receive_loses_no_datagram() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let mut buffer = [0; 16];
        for round in 0..1000u32 {
            let mut cancelled = ours.recv(&mut buffer);
            assert!(futures_util::poll!(&mut cancelled).is_pending());
            theirs.send(&round.to_le_bytes()).await?;
            drop(cancelled);
            assert_eq!(ours.recv(&mut buffer).await?, 4);
            assert_eq!(&buffer[..4], round.to_le_bytes());
        }
        Ok(())
    })
}

#[test]
fn options_read_back_as_they_were_set() -> io::Result<()> {
    block_on(async {
        let socket = UdpSocket::bind(ANY).await?;
        assert!(!socket.broadcast()?);
        socket.set_broadcast(true)?;
        assert!(socket.broadcast()?);
        socket.set_ttl(17)?;
        assert_eq!(socket.ttl()?, 17);
        socket.set_tos(0x10)?;
        assert_eq!(socket.tos()?, 0x10);
        socket.set_multicast_ttl_v4(3)?;
        assert_eq!(socket.multicast_ttl_v4()?, 3);
        assert!(socket.multicast_loop_v4()?);
        socket.set_multicast_loop_v4(false)?;
        assert!(!socket.multicast_loop_v4()?);
        socket.set_recv_buffer_size(50_000)?;
        assert_eq!(socket.recv_buffer_size()?, 100_000);
        socket.set_send_buffer_size(50_000)?;
        assert_eq!(socket.send_buffer_size()?, 100_000);
        Ok(())
    })
}

#[test]
fn broadcasting_must_be_allowed() -> io::Result<()> {
    block_on(async {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let everybody = SocketAddr::from((Ipv4Addr::new(127, 255, 255, 255), 9));
        let error = socket
            .send_to(b"all", everybody)
            .await
            .expect_err("not yet");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true)?;
        assert_eq!(socket.send_to(b"all", everybody).await?, 3);
        Ok(())
    })
}

/// On the loopback interface, so that nothing leaves this host.
#[test]
fn what_is_sent_to_a_group_comes_to_its_members() -> io::Result<()> {
    block_on(async {
        let group = Ipv4Addr::new(239, 77, 1, 2);
        let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let to = SocketAddr::from((group, member.local_addr()?.port()));
        member.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
        let twice = member.join_multicast_v4(group, Ipv4Addr::LOCALHOST);
        assert_eq!(twice.expect_err("a member").kind(), ErrorKind::AddrInUse);
        // Who is bound to this address sends to groups by its interface.
        let sender = UdpSocket::bind(ANY).await?;
        sender.send_to(b"members", to).await?;
        let mut buffer = [0; 16];
        assert_eq!(
            member.recv_from(&mut buffer).await?,
            (7, sender.local_addr()?)
        );

        member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
        let twice = member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST);
        assert_eq!(
            twice.expect_err("no member").kind(),
            ErrorKind::AddrNotAvailable
        );
        let no_group = member.join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        assert_eq!(
            no_group.expect_err("no group").kind(),
            ErrorKind::InvalidInput
        );
        Ok(())
    })
}

#[test]
fn a_group_of_ipv6_is_joined_and_left() -> io::Result<()> {
    block_on(async {
        let socket = match UdpSocket::unbound_v6() {
            // Some containers have no IPv6.
            Err(_) => return Ok(()),
            Ok(socket) => socket,
        };
        socket.set_only_v6(true)?;
        assert!(socket.only_v6()?);
        socket.set_multicast_hops_v6(2)?;
        assert_eq!(socket.multicast_hops_v6()?, 2);
        socket.set_multicast_loop_v6(false)?;
        assert!(!socket.multicast_loop_v6()?);
        if socket.bind_to((Ipv6Addr::LOCALHOST, 0).into()).is_err() {
            return Ok(());
        }
        let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x77, 0x12);
        const LOOPBACK: u32 = 1;
        socket.join_multicast_v6(group, LOOPBACK)?;
        socket.leave_multicast_v6(group, LOOPBACK)?;
        assert!(socket.leave_multicast_v6(group, LOOPBACK).is_err());
        Ok(())
    })
}

#[test]
fn an_unbound_socket_is_bound_after_its_options() -> io::Result<()> {
    block_on(async {
        let first = UdpSocket::unbound_v4()?;
        first.set_reuse_port(true)?;
        assert!(first.reuse_port()?);
        first.bind_to(ANY.into())?;
        let address = first.local_addr()?;
        let error = first.bind_to(ANY.into()).expect_err("it has one");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let second = UdpSocket::unbound_v4()?;
        let error = second.bind_to(address).expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        second.set_reuse_port(true)?;
        second.bind_to(address)?;
        assert_eq!(second.local_addr()?, address);
        let third = UdpSocket::unbound_v4()?;
        third
            .send_to(b"a port of the kernel's choice", address)
            .await?;
        assert_ne!(third.local_addr()?.port(), 0);
        Ok(())
    })
}

#[test]
fn a_name_is_looked_up() -> io::Result<()> {
    block_on(async {
        let socket = UdpSocket::bind("localhost:0").await?;
        assert!(socket.local_addr()?.ip().is_loopback());
        let ip: IpAddr = socket.local_addr()?.ip();
        let other = UdpSocket::bind((ip, 0)).await?;
        other
            .connect(("localhost", socket.local_addr()?.port()))
            .await?;
        assert!(other.peer_addr()?.ip().is_loopback());
        let error = UdpSocket::bind(&[][..]).await.expect_err("nowhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    })
}

#[test]
fn a_udp_socket_goes_to_the_standard_library_and_comes_back() -> io::Result<()> {
    block_on(async {
        let std = net::UdpSocket::bind(ANY)?;
        let ours = UdpSocket::try_from(std)?;
        let mut buffer = [0; 16];
        assert!(futures_util::poll!(ours.recv(&mut buffer)).is_pending());
        let reactor = Reactor::current().expect("in a runtime");
        let registered = reactor.registered();
        let std = ours.into_std();
        assert_eq!(reactor.registered(), registered - 1);
        std.set_nonblocking(false)?;
        let ours = UdpSocket::from_std(std)?;
        let mut receiving = ours.recv(&mut buffer);
        assert!(
            futures_util::poll!(&mut receiving).is_pending(),
            "not blocked"
        );
        let theirs = net::UdpSocket::bind(ANY)?;
        theirs.send_to(b"back", ours.local_addr()?)?;
        assert_eq!(receiving.await?, 4);
        assert!(format!("{ours:?}").contains(&ours.local_addr()?.to_string()));
        Ok(())
    })
}
