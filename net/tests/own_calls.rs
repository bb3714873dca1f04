//! `try_io` and `async_io` of every socket: system calls of the user's own, here by the standard library on a duplicate.

mod support;

use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::{net as std_net, os::unix::net as std_unix};
use support::{block_on, pair};
use waterwheel::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use waterwheel::reactor::Interest::{Read as Reading, Write as Writing};
use waterwheel::{spawn, spawn_local, yield_now};

/// What the standard library makes of a duplicate of a descriptor.
macro_rules! duplicate {
    ($socket:expr, $of:ty) => {
        <$of>::from($socket.as_fd().try_clone_to_owned()?)
    };
}

fn counted<R>(calls: &Cell<usize>, result: io::Result<R>) -> io::Result<R> {
    calls.set(calls.get() + 1);
    result
}

/// What the future of a silent socket and its two methods do, by the number of calls that reach the kernel: `$arrive` is what makes it
/// ready, and `$call` its operation, which takes that. `$direction` is none for a half, which knows its own.
macro_rules! assert_own_calls {
    ($socket:expr, ($($direction:expr)?), $call:expr, $arrive:expr) => {{
        let socket = &$socket;
        let calls = Cell::new(0);
        let mut call = || counted(&calls, $call);
        for round in 0..5 {
            calls.set(0);
            // There is nothing, and after one call that is known, and one more for each event that was under way.
            for _ in 0..100 {
                let nothing = socket.try_io($($direction,)? &mut call);
                assert_eq!(nothing.expect_err("nothing").kind(), ErrorKind::WouldBlock);
                let _ = futures_util::poll!(socket.readable());
                yield_now().await;
            }
            assert!(calls.get() <= 3, "round {round}: {} calls", calls.get());

            $arrive;
            socket.readable().await?;
            socket.try_io($($direction,)? &mut call).expect("it is ready");

            // The same by the future, which waits by itself.
            calls.set(0);
            {
                let mut waiting = pin!(socket.async_io($($direction,)? &mut call));
                for _ in 0..100 {
                    assert!(futures_util::poll!(&mut waiting).is_pending());
                }
                $arrive;
                waiting.await?;
            }
            assert!(calls.get() <= 3, "round {round}: {} calls", calls.get());
        }
    }};
}

#[test]
fn every_socket_makes_calls_of_the_users_own() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair().await?;
        let mut reader = duplicate!(ours, std_net::TcpStream);
        let mut buffer = [0; 8];
        assert_own_calls!(
            ours,
            (Reading),
            reader.read(&mut buffer),
            theirs.write_all(b"!").await?
        );
        {
            let (half, _) = ours.split();
            assert_own_calls!(
                half,
                (),
                reader.read(&mut buffer),
                theirs.write_all(b"!").await?
            );
        }
        let (half, _writer) = ours.into_split();
        assert_own_calls!(
            half,
            (),
            reader.read(&mut buffer),
            theirs.write_all(b"!").await?
        );

        let (ours, theirs) = UnixStream::pair()?;
        let mut reader = duplicate!(ours, std_unix::UnixStream);
        assert_own_calls!(
            ours,
            (Reading),
            reader.read(&mut buffer),
            theirs.write_all(b"!").await?
        );

        let (ours, theirs) = UnixDatagram::pair()?;
        let receiver = duplicate!(ours, std_unix::UnixDatagram);
        assert_own_calls!(
            ours,
            (Reading),
            receiver.recv(&mut buffer),
            theirs.send(b"!").await?
        );

        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        let address = udp.local_addr()?;
        let receiver = duplicate!(udp, std_net::UdpSocket);
        assert_own_calls!(
            udp,
            (Reading),
            receiver.recv_from(&mut buffer),
            udp.send_to(b"!", address).await?
        );

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = duplicate!(listener, std_net::TcpListener);
        assert_own_calls!(
            listener,
            (Reading),
            acceptor.accept(),
            TcpStream::connect(address).await?
        );

        let name = format!("waterwheel-own-calls-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let acceptor = duplicate!(listener, std_unix::UnixListener);
        assert_own_calls!(
            listener,
            (Reading),
            acceptor.accept(),
            UnixStream::connect_addr(&address).await?
        );
        Ok(())
    })
}

/// The halves that write, and the direction in which all sockets are ready at first.
#[test]
fn writing_waits_for_room() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        let mut writer = duplicate!(ours, std_unix::UnixStream);
        let mut drain = duplicate!(theirs, std_unix::UnixStream);
        let (_, half) = ours.split();
        let block = [0; 4096];
        for round in 0..5 {
            let calls = Cell::new(0);
            let mut write = || counted(&calls, writer.write(&block));
            while ours.try_io(Writing, &mut write).is_ok() {}
            calls.set(0);
            for _ in 0..100 {
                assert!(half.try_io(&mut write).is_err(), "it is full");
                assert!(futures_util::poll!(ours.writable()).is_pending());
            }
            {
                let mut whole = pin!(ours.async_io(Writing, &mut write));
                assert!(futures_util::poll!(&mut whole).is_pending());
            }
            // The event of the last round, and of the registration, may come meanwhile.
            assert!(calls.get() <= 3, "round {round}: {} calls", calls.get());
            {
                let mut waiting = pin!(half.async_io(&mut write));
                assert!(futures_util::poll!(&mut waiting).is_pending());
                while drain.read(&mut [0; 65536]).is_ok() {}
                assert_eq!(waiting.await?, block.len());
            }
            ours.writable().await?;
        }
        let (_reader, owned) = ours.into_split();
        let mut write = || writer.write(&block);
        while owned.try_io(&mut write).is_ok() {}
        assert!(futures_util::poll!(owned.writable()).is_pending());
        while drain.read(&mut [0; 65536]).is_ok() {}
        assert_eq!(owned.async_io(write).await?, block.len());
        Ok(())
    })
}

/// A program's own receive loop: a call that finds nothing makes the next `readable` wait.
#[test]
fn a_loop_of_readable_and_an_own_call_makes_few_calls() -> io::Result<()> {
    const DATAGRAMS: usize = 20;
    block_on(async {
        let receiver = UdpSocket::bind("127.0.0.1:0").await?;
        let address = receiver.local_addr()?;
        let calls = Arc::new(AtomicUsize::new(0));
        let received = Arc::new(AtomicUsize::new(0));
        let receiving = spawn({
            let (calls, received) = (Arc::clone(&calls), Arc::clone(&received));
            async move {
                let own = duplicate!(receiver, std_net::UdpSocket);
                let mut buffer = [0; 16];
                while received.load(Ordering::SeqCst) < DATAGRAMS {
                    receiver.readable().await?;
                    let recv = || {
                        calls.fetch_add(1, Ordering::SeqCst);
                        own.recv(&mut buffer)
                    };
                    match receiver.try_io(Reading, recv) {
                        Ok(_) => received.fetch_add(1, Ordering::SeqCst),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                        Err(error) => return Err(error),
                    };
                }
                io::Result::Ok(())
            }
        });
        let sender = UdpSocket::bind("127.0.0.1:0").await?;
        for sent in 1..=DATAGRAMS {
            sender.send_to(b"!", address).await?;
            // Long enough for a loop that spins to be seen, and no longer than it takes.
            while received.load(Ordering::SeqCst) < sent {
                yield_now().await;
            }
            for _ in 0..1000 {
                yield_now().await;
            }
        }
        receiving.await.expect("no panic")?;
        let calls = calls.load(Ordering::SeqCst);
        assert!(
            (DATAGRAMS..=3 * DATAGRAMS + 3).contains(&calls),
            "{calls} calls for {DATAGRAMS} datagrams"
        );
        Ok(())
    })
}

/// What it gives is given, be it an error or none, and nothing is waited for.
#[test]
fn what_the_call_gives_is_given_at_once() -> io::Result<()> {
    block_on(async {
        let (ours, _theirs) = UnixStream::pair()?;
        let refuse = || io::Result::<()>::Err(ErrorKind::PermissionDenied.into());
        for direction in [Reading, Writing] {
            let seven = futures_util::poll!(ours.async_io(direction, || Ok(7)));
            assert!(matches!(seven, Poll::Ready(Ok(7))));
            let refused = futures_util::poll!(ours.async_io(direction, refuse));
            let Poll::Ready(Err(refused)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
            assert_eq!(ours.try_io(direction, || Ok(7))?, 7);
            let refused = ours.try_io(direction, refuse).expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        }
        Ok(())
    })
}

/// It spends of the task's budget.
#[test]
fn calls_that_never_wait_starve_nobody() -> io::Result<()> {
    block_on(async {
        let (ours, _theirs) = UnixStream::pair()?;
        let calling = spawn_local(async move {
            loop {
                ours.async_io(Reading, || Ok(())).await.expect("ready");
            }
        });
        for _ in 0..100 {
            yield_now().await;
        }
        calling.abort();
        assert!(calling.await.expect_err("aborted").is_cancelled());
        Ok(())
    })
}

/// A dropped wait leaves the readiness to others.
#[test]
fn who_is_given_up_takes_nothing_along() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixDatagram::pair()?;
        let receiver = duplicate!(ours, std_unix::UnixDatagram);
        let mut buffers = [[0; 8]; 2];
        let [first, second] = &mut buffers;
        {
            let given_up = pin!(ours.async_io(Reading, || receiver.recv(first)));
            let mut stays = pin!(ours.async_io(Reading, || receiver.recv(second)));
            {
                let mut given_up = given_up;
                assert!(futures_util::poll!(&mut given_up).is_pending());
                assert!(futures_util::poll!(&mut stays).is_pending());
                theirs.send(b"one").await?;
            }
            assert_eq!(stays.await?, 3);
        }
        assert_eq!(&buffers[1][..3], b"one");
        assert_eq!(buffers[0], [0; 8]);
        Ok(())
    })
}

/// It says which call wanted a runtime.
#[test]
fn outside_a_runtime_the_call_is_named() {
    fn panics(future: impl Future, name: &str) {
        let mut future = pin!(future);
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut cx = Context::from_waker(Waker::noop());
            future.as_mut().poll(&mut cx).is_pending()
        }));
        let payload = polled.expect_err("it has to wait");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.contains(name), "{message}");
    }
    let would_block = || io::Result::<()>::Err(ErrorKind::WouldBlock.into());
    let (stream, _other) = UnixStream::pair().expect("a pair");
    panics(
        stream.async_io(Reading, would_block),
        "`UnixStream::async_io`",
    );
    let (reader, writer) = stream.into_split();
    panics(reader.async_io(would_block), "`UnixStream::async_io`");
    panics(writer.async_io(would_block), "`UnixStream::async_io`");
    let (datagram, _other) = UnixDatagram::pair().expect("a pair");
    panics(
        datagram.async_io(Writing, would_block),
        "`UnixDatagram::async_io`",
    );
    let udp = UdpSocket::unbound_v4().expect("a socket");
    panics(udp.async_io(Reading, would_block), "`UdpSocket::async_io`");
    let listener = std_net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let tcp = std_net::TcpStream::connect(listener.local_addr().expect("an address"));
    let tcp = TcpStream::from_std(tcp.expect("connected")).expect("fcntl");
    panics(tcp.async_io(Reading, would_block), "`TcpStream::async_io`");
    let listener = TcpListener::from_std(listener).expect("fcntl");
    panics(
        listener.async_io(Reading, would_block),
        "`TcpListener::async_io`",
    );
}

/// The kernel says `EAGAIN` for ever to who receives datagrams then, and tells nothing.
#[test]
fn the_end_of_receiving_is_told_and_no_call_takes_it_from_others() -> io::Result<()> {
    block_on(async {
        for waits_before in [false, true] {
            let (ours, theirs) = UnixDatagram::pair()?;
            let ours = Arc::new(ours);
            let receiver = Arc::new(duplicate!(ours, std_unix::UnixDatagram));
            let call = |receiver: Arc<std_unix::UnixDatagram>| move || receiver.recv(&mut [0; 8]);
            let waiting = waits_before.then(|| {
                let (ours, receiver) = (Arc::clone(&ours), Arc::clone(&receiver));
                spawn_local(async move { ours.async_io(Reading, call(receiver)).await })
            });
            yield_now().await;
            if waits_before {
                theirs.send(b"water").await?;
                assert_eq!(waiting.expect("it waits").await??, 5);
            }
            let waiting = waits_before.then(|| {
                let (ours, receiver) = (Arc::clone(&ours), Arc::clone(&receiver));
                spawn_local(async move { ours.async_io(Reading, call(receiver)).await })
            });
            yield_now().await;
            ours.shutdown(std_net::Shutdown::Read)?;
            if let Some(waiting) = waiting {
                let error = waiting.await?.expect_err("the end");
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
            }
            for _ in 0..3 {
                // What the kernel tells of the shutdown has come.
                waterwheel::sleep(std::time::Duration::from_millis(1)).await;
                ours.readable().await?;
                let error = ours.try_io(Reading, call(Arc::clone(&receiver)));
                assert_eq!(error.expect_err("the end").kind(), ErrorKind::UnexpectedEof);
                let error = ours.async_io(Reading, call(Arc::clone(&receiver))).await;
                assert_eq!(error.expect_err("the end").kind(), ErrorKind::UnexpectedEof);
                assert_eq!(ours.try_recv(&mut [0; 8])?, 0);
                assert_eq!(ours.recv(&mut [0; 8]).await?, 0);
            }
        }
        // What has come before the end comes before it.
        let (ours, theirs) = UnixDatagram::pair()?;
        let receiver = duplicate!(ours, std_unix::UnixDatagram);
        theirs.send(b"wheel").await?;
        ours.shutdown(std_net::Shutdown::Read)?;
        let received = ours
            .async_io(Reading, || receiver.recv(&mut [0; 8]))
            .await?;
        assert_eq!(received, 5);
        Ok(())
    })
}
