//! Descriptors: none leaks, and a listener outlives their running out.

mod support;

use futures_util::StreamExt;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::{block_on, rerun, role};
use waterwheel::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use waterwheel::reactor::Reactor;
use waterwheel::yield_now;

/// The tests count the descriptors of the process: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// Pitfall: a connected descriptor leaks when the future is dropped.
#[test]
fn a_cancelled_connect_leaks_no_descriptor() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let reactor = Reactor::current().expect("in a runtime");
        let before = (open_descriptors()?, reactor.registered());
        for _ in 0..100 {
            let mut connecting = Box::pin(TcpStream::connect(address));
            assert!(futures_util::poll!(&mut connecting).is_pending());
            assert_eq!(
                open_descriptors()?,
                before.0 + 1,
                "a handshake is under way"
            );
            assert_eq!(reactor.registered(), before.1 + 1);
            drop(connecting);
            assert_eq!((open_descriptors()?, reactor.registered()), before);
            // With a fresh budget the next one makes its socket in its first poll.
            yield_now().await;
        }
        Ok(())
    })
}

/// Pitfall: an accepted descriptor leaks when the future is dropped.
#[test]
fn a_cancelled_accept_leaks_no_descriptor() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let before = open_descriptors()?;
        for _ in 0..100 {
            let mut accepting = listener.accept();
            assert!(futures_util::poll!(&mut accepting).is_pending());
            let client = TcpStream::connect(address).await?;
            drop(accepting);
            assert_eq!(open_descriptors()?, before + 1, "the client's alone");
            let accepted = listener.accept().await?;
            assert_eq!(open_descriptors()?, before + 2);
            drop((client, accepted));
            assert_eq!(open_descriptors()?, before);
        }
        Ok(())
    })
}

/// Pitfall: a connected descriptor leaks when the future is dropped.
#[test]
fn a_cancelled_unix_connect_or_accept_leaks_no_descriptor() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let name = format!("waterwheel-descriptors-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        // One connection waits to be accepted, no more.
        // SAFETY: the call takes no pointers.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let before = open_descriptors()?;
        for _ in 0..100 {
            let mut accepting = listener.accept();
            assert!(futures_util::poll!(&mut accepting).is_pending());
            let client = UnixStream::connect_addr(&address).await?;
            drop(accepting);
            let mut connecting = Box::pin(UnixStream::connect_addr(&address));
            assert!(futures_util::poll!(&mut connecting).is_pending());
            assert_eq!(open_descriptors()?, before + 2);
            drop(connecting);
            assert_eq!(open_descriptors()?, before + 1, "the client's alone");
            let accepted = listener.accept().await?;
            assert_eq!(open_descriptors()?, before + 2);
            drop((client, accepted));
            assert_eq!(open_descriptors()?, before);
        }
        Ok(())
    })
}

/// Pitfall: a descriptor without CLOEXEC reaches children (tokio#3809).
#[test]
fn every_socket_is_non_blocking_and_closed_on_exec() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let name = format!("waterwheel-flags-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let unix_listener = UnixListener::bind_addr(&address)?;
        let mut fds: Vec<OwnedFd> = vec![
            TcpStream::connect(listener.local_addr()?).await?.into(),
            listener.accept().await?.0.into(),
            TcpSocket::new_v4()?.into(),
            UnixStream::connect_addr(&address).await?.into(),
            unix_listener.accept().await?.0.into(),
            UnixDatagram::unbound()?.into(),
            UdpSocket::bind("127.0.0.1:0").await?.into(),
            UdpSocket::unbound_v4()?.into(),
            listener.into(),
            unix_listener.into(),
        ];
        let (ours, theirs) = UnixStream::pair()?;
        fds.extend([OwnedFd::from(ours), theirs.into()]);
        let (ours, theirs) = UnixDatagram::pair()?;
        fds.extend([OwnedFd::from(ours), theirs.into()]);
        for (number, fd) in fds.iter().enumerate() {
            // SAFETY: neither command takes a further argument, and `fd` is open.
            let (descriptor, status) = unsafe {
                (
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFD),
                    libc::fcntl(fd.as_raw_fd(), libc::F_GETFL),
                )
            };
            assert!(descriptor & libc::FD_CLOEXEC != 0, "the {number}th");
            assert!(status & libc::O_NONBLOCK != 0, "the {number}th");
        }
        Ok(())
    })
}

#[test]
fn a_dropped_stream_is_closed_and_deregistered() -> io::Result<()> {
    let _alone = alone();
    block_on(async {
        let reactor = Reactor::current().expect("in a runtime");
        let before = (open_descriptors()?, reactor.registered());
        let (client, server) = support::pair().await?;
        assert!(futures_util::poll!(server.read(&mut [0])).is_pending());
        assert!(reactor.registered() > before.1);
        let (reader, writer) = client.into_split();
        drop((server, reader));
        assert_eq!(
            open_descriptors()?,
            before.0 + 1,
            "the write half holds it open"
        );
        drop(writer);
        assert_eq!((open_descriptors()?, reactor.registered()), before);
        Ok(())
    })
}

/// Pitfall: EMFILE spins the accept loop (libuv#690).
///
/// In a process of its own, which may have no more than 64 descriptors.
#[test]
fn a_listener_outlives_the_running_out_of_descriptors() -> io::Result<()> {
    let _alone = alone();
    if role().is_none() {
        let name = "a_listener_outlives_the_running_out_of_descriptors";
        let child = rerun(name, "exhausted", "ulimit -n 64");
        assert!(child.status.success(), "{child:?}");
        return Ok(());
    }
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let mut spare = Vec::new();
        let exhausted = loop {
            match File::open("/dev/null") {
                Ok(file) => spare.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(exhausted.raw_os_error(), Some(libc::EMFILE));
        assert!(spare.len() < 64);

        let mut incoming = listener.incoming();
        for _ in 0..3 {
            let (accepted, polls) = support::counting_polls(listener.accept()).await;
            let error = accepted.expect_err("no descriptor is left");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            assert_eq!(polls, 1, "it is the caller's to wait");
            let item = incoming.next().await.expect("it never ends");
            let error = item.expect_err("no descriptor is left");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }

        drop(spare);
        let stream = incoming.next().await.expect("it never ends")?;
        assert_eq!(
            stream.peer_addr()?,
            client.local_addr()?,
            "no other need come"
        );
        assert!(futures_util::poll!(incoming.next()).is_pending());
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let stream = incoming.next().await.expect("it never ends")?;
        assert_eq!(stream.peer_addr()?, client.local_addr()?);
        Ok(())
    })
}
