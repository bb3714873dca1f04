//! Unix sockets: where they are, who is at the other end, and what is theirs alone.

mod support;

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::PathBuf;
use std::process;
use std::time::Duration;
use support::{block_on, counting_polls};
use waterwheel::net::{UnixListener, UnixStream};

/// A path that is this test's alone, and goes with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("waterwheel-{name}-{}", process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn abstract_name(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("waterwheel-{name}-{}", process::id()))
}

#[test]
fn a_path_is_listened_at_and_connected_to() -> io::Result<()> {
    block_on(async {
        let place = Place::new("path");
        let listener = UnixListener::bind(&place.0)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(&*place.0));
        let client = UnixStream::connect(&place.0).await?;
        let (server, peer) = listener.accept().await?;
        assert!(peer.is_unnamed(), "the client was not bound");
        assert_eq!(client.peer_addr()?.as_pathname(), Some(&*place.0));
        assert_eq!(server.local_addr()?.as_pathname(), Some(&*place.0));
        assert!(format!("{client:?}").contains("path"));
        client.write_all(b"here").await?;
        let mut word = [0; 4];
        server.read_exact(&mut word).await?;
        assert_eq!(&word, b"here");
        Ok(())
    })
}

#[test]
fn the_file_stays_and_keeps_others_from_binding() -> io::Result<()> {
    block_on(async {
        let place = Place::new("stays");
        drop(UnixListener::bind(&place.0)?);
        assert!(place.0.exists(), "nothing removes it");
        let error = UnixListener::bind(&place.0).expect_err("it is there");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let error = UnixStream::connect(&place.0).await.expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        fs::remove_file(&place.0)?;
        let error = UnixStream::connect(&place.0).await.expect_err("nothing");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        UnixListener::bind(&place.0)?;
        let error = UnixStream::connect("n".repeat(200))
            .await
            .expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    })
}

#[test]
fn an_abstract_name_is_free_again_when_its_listener_is_gone() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("free")?;
        for _ in 0..3 {
            let listener = UnixListener::bind_addr(&address)?;
            let taken = UnixListener::bind_addr(&address).expect_err("taken");
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
            let client = UnixStream::connect_addr(&address).await?;
            let (server, _) = listener.accept().await?;
            let name = client.peer_addr()?;
            assert_eq!(name.as_abstract_name(), address.as_abstract_name());
            drop(server);
            assert_eq!(client.read(&mut [0]).await?, 0);
        }
        Ok(())
    })
}

#[test]
fn the_kernel_vouches_for_the_peer() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("credentials")?;
        let listener = UnixListener::bind_addr(&address)?;
        let client = UnixStream::connect_addr(&address).await?;
        let (server, _) = listener.accept().await?;
        let (ours, theirs) = UnixStream::pair()?;
        // SAFETY: neither call takes anything or fails.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        for stream in [client, server, ours, theirs] {
            let peer = stream.peer_cred()?;
            assert_eq!(peer.pid(), Some(process::id().cast_signed()));
            assert_eq!((peer.uid(), peer.gid()), (uid, gid));
        }
        Ok(())
    })
}

/// A full queue is `EAGAIN`, of which epoll tells nothing.
#[test]
fn connecting_waits_for_room_in_the_listeners_queue() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("queue")?;
        let listener = UnixListener::bind_addr(&address)?;
        // As small as it can be made: one connection waits, no more.
        // SAFETY: the call takes no pointers.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _first = UnixStream::connect_addr(&address).await?;
        let second =
            waterwheel::spawn(
                async move { counting_polls(UnixStream::connect_addr(&address)).await },
            );
        waterwheel::sleep(Duration::from_millis(30)).await;
        assert!(!second.is_finished(), "it is full");
        listener.accept().await?;
        let (second, polls) = second.await.expect("no panic");
        second?;
        assert!(polls <= 20, "polled {polls} times: it spins");
        listener.accept().await?;
        Ok(())
    })
}

#[test]
fn a_listener_that_goes_while_one_waits_for_room_refuses() -> io::Result<()> {
    block_on(async {
        let address = abstract_name("refuses")?;
        let listener = UnixListener::bind_addr(&address)?;
        // SAFETY: the call takes no pointers.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _first = UnixStream::connect_addr(&address).await?;
        let mut second = Box::pin(UnixStream::connect_addr(&address));
        assert!(futures_util::poll!(&mut second).is_pending(), "it is full");
        drop(listener);
        let error = second.await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    })
}

/// A read stops behind bytes that a descriptor was sent along with, so that it is short, and yet more is there: of
/// which no event tells any more.
#[test]
fn bytes_behind_a_descriptor_are_not_waited_for() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        let mut theirs = theirs.into_std();
        let mut buffer = [0; 64];
        for _ in 0..3 {
            let mut reading = ours.read(&mut buffer);
            assert!(futures_util::poll!(&mut reading).is_pending());
            send_with_a_descriptor(&theirs, b"with");
            theirs.write_all(b"without")?;
            assert_eq!(reading.await?, 4, "the read stops there");
            assert_eq!(ours.read(&mut buffer).await?, 7);
            assert_eq!(&buffer[..7], b"without");
        }
        Ok(())
    })
}

fn send_with_a_descriptor(stream: &net::UnixStream, bytes: &[u8]) {
    let mut control = [0u64; 8];
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: a `msghdr` is integers and pointers, for which zero is a value; what it points to lives through the call;
    // `control` has room for a header and one descriptor, and is aligned for it.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as usize;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(header)
            .cast::<i32>()
            .write_unaligned(stream.as_raw_fd());
        let sent = libc::sendmsg(stream.as_raw_fd(), &raw const message, 0);
        assert_eq!(sent, bytes.len().cast_signed());
    }
}

#[test]
fn halves_of_a_unix_stream_reunite() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        let (reader, writer) = ours.into_split();
        let (their_reader, their_writer) = theirs.into_split();
        let strangers = reader.reunite(their_writer).expect_err("strangers");
        let ours = strangers.0.reunite(writer).expect("of one stream");
        let theirs = their_reader.reunite(strangers.1).expect("of one stream");
        let (reader, writer) = ours.split();
        writer.write_all(b"one").await?;
        let mut word = [0; 3];
        theirs.read_exact(&mut word).await?;
        assert!(futures_util::poll!(theirs.read(&mut word)).is_pending());
        writer.shutdown()?;
        assert_eq!(theirs.read(&mut word).await?, 0);
        theirs.write_all(b"two").await?;
        reader.read_exact(&mut word).await?;
        assert_eq!(&word, b"two");
        Ok(())
    })
}

#[test]
fn a_unix_stream_goes_to_the_standard_library_and_comes_back() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = net::UnixStream::pair()?;
        let (ours, mut theirs) = (UnixStream::try_from(ours)?, theirs);
        assert!(futures_util::poll!(ours.read(&mut [0])).is_pending());
        let ours = UnixStream::from_std(ours.into_std())?;
        let mut word = [0; 4];
        let mut reading = ours.read_exact(&mut word);
        assert!(futures_util::poll!(&mut reading).is_pending());
        theirs.write_all(b"back")?;
        reading.await?;
        assert_eq!(&word, b"back");

        let address = abstract_name("std")?;
        let listener = net::UnixListener::bind_addr(&address)?;
        let listener = UnixListener::try_from(listener)?;
        assert!(futures_util::poll!(listener.accept()).is_pending());
        let listener = UnixListener::from_std(listener.into_std())?;
        let _client = UnixStream::connect_addr(&address).await?;
        listener.accept().await?;
        Ok(())
    })
}
