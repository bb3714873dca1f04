//! Several addresses of one peer, raced by RFC 8305: one that keeps silent costs the others a quarter of a second.

mod support;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{block_on, full_listener, full_listener_at};
use waterwheel::net::{TcpListener, TcpSocket, TcpStream};
use waterwheel::reactor::Reactor;
use waterwheel::time::now;
use waterwheel::{Runtime, sleep, spawn_local, timeout, yield_now};

const HEAD_START: Duration = Duration::from_millis(250);

/// Tests that count the descriptors of the process, and those that open some: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// Runs a test in paused time on runtimes of one, two and four workers. Handshakes on this machine take none.
fn on_each(test: impl AsyncFn() -> io::Result<()>) -> io::Result<()> {
    let _alone = alone();
    for workers in [1, 2, 4] {
        let runtime = Runtime::builder()
            .worker_threads(workers)
            .paused_time()
            .build()?;
        runtime.block_on(test())?;
    }
    Ok(())
}

/// An address where nobody listens, and nobody else can either while the socket lives.
fn nobody() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

async fn listener() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Pitfall: the first of several addresses keeps silent and eats the whole limit.
#[test]
fn the_second_address_is_reached_while_the_first_keeps_silent() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let (_silent, silent, _waiting) = full_listener().await?;
        let (_listener, address) = listener().await?;
        let begun = Instant::now();
        let both = [silent, address];
        let connected = timeout(Duration::from_secs(60), TcpStream::connect(both)).await;
        let stream = connected.expect("the first is silent for two minutes")?;
        assert_eq!(stream.peer_addr()?, address);
        assert!(begun.elapsed() >= HEAD_START, "the first has a head start");
        Ok(())
    })
}

#[test]
fn each_silent_address_costs_its_head_start() -> io::Result<()> {
    on_each(async || {
        let (_first, first, _waiting) = full_listener().await?;
        let (_second, second, _waiting) = full_listener().await?;
        let (_listener, address) = listener().await?;
        for (addresses, silent) in [
            (vec![address, first, second], 0),
            (vec![first, address, second], 1),
            (vec![first, second, address], 2),
            (vec![first, second, first, second, first, address], 5),
        ] {
            let start = now();
            let stream = TcpStream::connect(&addresses).await?;
            assert_eq!(stream.peer_addr()?, address);
            assert_eq!(now() - start, HEAD_START * silent, "{addresses:?}");
        }
        Ok(())
    })
}

#[test]
fn one_that_fails_costs_nothing() -> io::Result<()> {
    on_each(async || {
        let (_silent, silent, _waiting) = full_listener().await?;
        let (_nobody, refused) = nobody()?;
        let (_listener, address) = listener().await?;
        let broadcast = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        for (addresses, heads) in [
            (vec![refused, broadcast, refused, address], 0),
            (vec![silent, refused, broadcast, address], 1),
            (vec![refused, silent, refused, address], 1),
        ] {
            let start = now();
            let stream = TcpStream::connect(&addresses).await?;
            assert_eq!(stream.peer_addr()?, address);
            assert_eq!(now() - start, HEAD_START * heads, "{addresses:?}");
        }
        Ok(())
    })
}

/// A family that has no way to the peer costs one head start, however many addresses it has.
#[test]
fn families_take_turns() -> io::Result<()> {
    on_each(async || {
        let localhost = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        let Ok(v6) = TcpListener::bind(localhost).await else {
            println!("there is no IPv6 here: nothing was tested");
            return Ok(());
        };
        let (alive_v6, (_v4, alive_v4)) = (v6.local_addr()?, listener().await?);
        let (_first, silent_v4, _waiting) = full_listener().await?;
        let (_second, silent_v6, _waiting) = full_listener_at(localhost).await?;
        for (addresses, winner) in [
            ([silent_v4, silent_v4, silent_v4, alive_v6], alive_v6),
            ([silent_v6, silent_v6, silent_v6, alive_v4], alive_v4),
            ([silent_v6, alive_v6, silent_v6, alive_v4], alive_v4),
        ] {
            let start = now();
            let stream = TcpStream::connect(addresses).await?;
            assert_eq!(stream.peer_addr()?, winner, "{addresses:?}");
            assert_eq!(now() - start, HEAD_START, "{addresses:?}");
        }
        Ok(())
    })
}

/// The attempt that was begun first may still win, long after the others have begun.
#[test]
fn a_late_answer_of_the_first_is_taken() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let (first, late, waiting) = full_listener().await?;
        let (_second, silent, _waiting) = full_listener().await?;
        let mut connecting = Box::pin(TcpStream::connect([late, silent]));
        assert!(futures_util::poll!(&mut connecting).is_pending());
        // Room in the queue of the first: the kernel answers when it is asked the next time, after a second.
        first.accept().await?;
        let begun = Instant::now();
        let stream = connecting.await?;
        assert!(begun.elapsed() > HEAD_START, "both were under way");
        assert_eq!(stream.peer_addr()?, late);
        drop(waiting);
        Ok(())
    })
}

#[test]
fn the_losers_leave_no_descriptor() -> io::Result<()> {
    on_each(async || {
        let (_silent, silent, _waiting) = full_listener().await?;
        let (_nobody, refused) = nobody()?;
        let (server, address) = listener().await?;
        // What a runtime opens at the first use of something is there by then.
        drop(TcpStream::connect([silent, address]).await?);
        drop(server.accept().await?);
        let before = open_descriptors()?;
        for _ in 0..20 {
            let stream = TcpStream::connect([silent, silent, refused, silent, address]).await?;
            assert_eq!(open_descriptors()?, before + 1, "the winner's alone");
            drop((stream, server.accept().await?));
            assert_eq!(open_descriptors()?, before);

            let limit = Duration::from_secs(1);
            let late = TcpStream::connect_timeout([silent, refused, silent], limit).await;
            assert_eq!(late.expect_err("silent").kind(), ErrorKind::TimedOut);
            assert_eq!(open_descriptors()?, before);
        }
        Ok(())
    })
}

/// Pitfall: a connected descriptor leaks when the future is dropped.
#[test]
fn a_race_that_is_given_up_leaves_no_descriptor() -> io::Result<()> {
    on_each(async || {
        let (_silent, silent, _waiting) = full_listener().await?;
        let reactor = Reactor::current().expect("in a runtime");
        let before = (open_descriptors()?, reactor.registered());
        for attempts in 1..=4 {
            let mut connecting = Box::pin(TcpStream::connect([silent; 4]));
            let part = HEAD_START * attempts - HEAD_START / 2;
            assert!(timeout(part, &mut connecting).await.is_err());
            let under_way = open_descriptors()? - before.0;
            assert_eq!(under_way, attempts as usize);
            drop(connecting);
            assert_eq!(open_descriptors()?, before.0);
        }
        let left = Reactor::current().expect("in a runtime").registered();
        assert!(left <= before.1, "{left} are registered");
        Ok(())
    })
}

#[test]
fn when_all_fail_the_error_is_the_first_ones_that_could_be_reached() -> io::Result<()> {
    on_each(async || {
        let (_nobody, refused) = nobody()?;
        let broadcast = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        for (addresses, kind) in [
            ([refused, refused], ErrorKind::ConnectionRefused),
            ([broadcast, refused], ErrorKind::ConnectionRefused),
            ([refused, broadcast], ErrorKind::ConnectionRefused),
        ] {
            let error = TcpStream::connect(addresses).await.expect_err("nobody");
            assert_eq!(error.kind(), kind, "{addresses:?}");
            assert!(error.raw_os_error().is_some(), "the kernel's own: {error}");
            let limit = Duration::from_secs(60);
            let error = TcpStream::connect_timeout(addresses, limit)
                .await
                .expect_err("nobody");
            assert_eq!(error.kind(), kind, "{addresses:?}");
        }
        Ok(())
    })
}

/// Attempts that fail at once wait for nothing: a task that makes them without end must let others run.
#[test]
fn attempts_that_fail_at_once_starve_nobody() -> io::Result<()> {
    let _alone = alone();
    let (_nobody, refused) = nobody()?;
    // The kernel has no way to send there without being allowed to, and says so at once.
    let broadcast = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
    for addresses in [
        vec![broadcast],
        vec![refused],
        vec![broadcast, refused],
        vec![broadcast; 10_000],
    ] {
        for workers in [1, 2, 4] {
            let runtime = Runtime::builder().worker_threads(workers).build()?;
            let addresses = addresses.clone();
            runtime.block_on(async {
                let trying = spawn_local(async move {
                    loop {
                        let failed = TcpStream::connect(&addresses).await;
                        failed.expect_err("nobody");
                    }
                });
                for _ in 0..3 {
                    yield_now().await;
                    sleep(Duration::from_millis(1)).await;
                }
                trying.abort();
                assert!(trying.await.expect_err("aborted").is_cancelled());
            });
        }
    }
    Ok(())
}
