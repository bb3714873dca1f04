//! Writing to a peer that has gone is an error of the connection. The process lives, though SIGPIPE would kill it.

mod support;

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::Shutdown;
use std::os::unix::process::ExitStatusExt;
use support::{block_on, pair_with_std, rerun, reset, role};
use waterwheel::net::{UnixDatagram, UnixStream};

const NAME: &str = "writing_to_a_closed_peer_is_an_error_and_no_signal";

/// Pitfall: SIGPIPE kills the process (monoio#214).
///
/// In a process of its own, with the disposition that a C program starts with; Rust's runtime ignores the signal. A
/// second process, which writes to a broken pipe, shows that the signal does kill.
#[test]
fn writing_to_a_closed_peer_is_an_error_and_no_signal() -> io::Result<()> {
    match role().as_deref() {
        None => {
            let control = rerun(NAME, "pipe", "true");
            assert_eq!(control.status.signal(), Some(libc::SIGPIPE), "{control:?}");
            let sockets = rerun(NAME, "sockets", "true");
            assert!(sockets.status.success(), "{sockets:?}");
            Ok(())
        }
        Some("pipe") => {
            default_sigpipe();
            let (reader, mut writer) = io::pipe()?;
            drop(reader);
            writer.write_all(b"!")
        }
        Some(_) => {
            default_sigpipe();
            write_to_a_closed_peer()?;
            write_to_a_closed_unix_peer()
        }
    }
}

fn default_sigpipe() {
    // SAFETY: no handler is installed, so nothing runs when the signal comes.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(previous, libc::SIG_IGN, "as Rust's runtime sets it");
}

fn write_to_a_closed_peer() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut idle = ours.readable();
        assert!(futures_util::poll!(&mut idle).is_pending());
        reset(&ours, theirs)?;
        idle.await?;
        let error = ours
            .write_all(b"hello?")
            .await
            .expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let slices = [IoSlice::new(b"hello"), IoSlice::new(b"?")];
        for result in [
            ours.write(b"hello?").await,
            ours.write_all(b"hello?").await.map(|()| 6),
            ours.write_vectored(&slices).await,
            ours.try_write(b"hello?"),
            ours.try_write_vectored(&slices),
        ] {
            let error = result.expect_err("nobody is there");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
        Ok(())
    })
}

fn write_to_a_closed_unix_peer() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        drop(theirs);
        let slices = [IoSlice::new(b"hello"), IoSlice::new(b"?")];
        for result in [
            ours.write(b"hello?").await,
            ours.write_all(b"hello?").await.map(|()| 6),
            ours.write_vectored(&slices).await,
            ours.try_write(b"hello?"),
            ours.try_write_vectored(&slices),
        ] {
            let error = result.expect_err("nobody is there");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
        let (ours, theirs) = UnixDatagram::pair()?;
        theirs.shutdown(Shutdown::Read)?;
        let error = ours.send(b"hello?").await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}
