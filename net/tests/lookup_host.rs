//! Names of hosts are looked up where that may block, and addresses are not looked up at all.

mod support;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use support::block_on;
use waterwheel::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use waterwheel::{Handle, JoinHandle, Runtime};

/// In a runtime whose only thread for blocking jobs has one, which lasts until the second is dropped.
fn with_a_busy_pool<F: Future<Output = io::Result<()>>>(
    test: impl FnOnce(JoinHandle<()>, Sender<()>) -> F,
) -> io::Result<()> {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()?;
    runtime.block_on(async {
        let (busy, held) = mpsc::channel();
        let job = waterwheel::spawn_blocking(move || {
            let _ = held.recv();
        });
        while Handle::current().metrics().blocking_depth > 0 {
            waterwheel::yield_now().await;
        }
        test(job, busy).await
    })
}

#[test]
fn a_name_is_looked_up() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        assert_eq!(Handle::current().metrics().blocking_threads, 0);
        let addresses = lookup_host(("localhost", port)).await?;
        assert!(addresses.contains(&listener.local_addr()?), "{addresses:?}");
        assert!(addresses.iter().all(|address| address.port() == port));
        assert_eq!(Handle::current().metrics().blocking_threads, 1);

        TcpStream::connect(("localhost", port)).await?;
        TcpStream::connect(format!("localhost:{port}")).await?;
        TcpListener::bind("localhost:0").await?;
        UdpSocket::bind("localhost:0").await?;
        Ok(())
    })
}

/// A name that is long in coming keeps nobody waiting but who asked for it: the worker is not blocked.
#[test]
fn a_name_goes_to_a_thread_that_may_block() -> io::Result<()> {
    with_a_busy_pool(async |job, busy| {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let name = "localhost:0";
        let mut looking_up = pin!(lookup_host(name));
        let mut listening = pin!(TcpListener::bind(name));
        let mut binding = pin!(UdpSocket::bind(name));
        let mut connecting = pin!(TcpStream::connect(name));
        let mut connecting_soon = pin!(TcpStream::connect_timeout(name, Duration::MAX));
        let mut sending_there = pin!(socket.connect(name));
        for _ in 0..3 {
            assert!(futures_util::poll!(&mut looking_up).is_pending());
            assert!(futures_util::poll!(&mut listening).is_pending());
            assert!(futures_util::poll!(&mut binding).is_pending());
            assert!(futures_util::poll!(&mut connecting).is_pending());
            assert!(futures_util::poll!(&mut connecting_soon).is_pending());
            assert!(futures_util::poll!(&mut sending_there).is_pending());
            waterwheel::yield_now().await;
        }
        assert_eq!(Handle::current().metrics().blocking_depth, 6);
        drop(busy);
        job.await.expect("no panic");
        assert!(!looking_up.await?.is_empty());
        listening.await?;
        binding.await?;
        Ok(())
    })
}

#[test]
fn an_address_needs_no_thread() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        assert_eq!(lookup_host(address).await?, [address]);
        assert_eq!(lookup_host(address.to_string()).await?, [address]);
        let pair = ("127.0.0.1", address.port());
        assert_eq!(lookup_host(pair).await?, [address]);
        let two: [SocketAddr; 2] = [address, ([127, 0, 0, 2], 7).into()];
        assert_eq!(lookup_host(&two[..]).await?, two);
        assert_eq!(lookup_host([]).await?, []);
        TcpStream::connect(pair).await?;
        UdpSocket::bind("127.0.0.1:0").await?;
        assert_eq!(Handle::current().metrics().blocking_threads, 0);
        Ok(())
    })
}

#[test]
fn what_cannot_be_looked_up_is_an_error() {
    block_on(async {
        let error = lookup_host("no port").await.expect_err("no port");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("HOST:PORT"), "{error}");
        // It is refused without asking anybody.
        let error = TcpStream::connect("na\0me:80").await.expect_err("no name");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn look_ups_that_are_given_up_leave_nothing() -> io::Result<()> {
    with_a_busy_pool(async |job, busy| {
        for _ in 0..100 {
            let mut connecting = Box::pin(TcpStream::connect("localhost:9"));
            assert!(futures_util::poll!(&mut connecting).is_pending());
            drop(connecting);
        }
        let after_all_others = waterwheel::spawn_blocking(|| ());
        drop(busy);
        job.await.expect("no panic");
        after_all_others.await.expect("no panic");
        assert_eq!(Handle::current().metrics().blocking_depth, 0);
        // That they have ended is told before they are gone.
        while Handle::current().metrics().tasks_alive > 0 {
            waterwheel::yield_now().await;
        }
        Ok(())
    })
}
