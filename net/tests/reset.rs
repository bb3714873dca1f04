//! A connection that the peer resets: one error, whatever we were at, and nothing spins.

mod support;

use std::io::{self, ErrorKind};
use support::{block_on, counting_polls, pair_with_std, reset};
use waterwheel::net::TcpStream;
use waterwheel::reactor::Reactor;

/// What holds once the error has been told: the end for who reads, a broken pipe for who writes, each at once; and the
/// reactor has nothing more to tell.
async fn is_over(stream: &TcpStream) -> io::Result<()> {
    let reactor = Reactor::current().expect("in a runtime");
    reactor.turn_now()?;
    for _ in 0..3 {
        let (read, polls) = counting_polls(stream.read(&mut [0; 8])).await;
        assert_eq!((read?, polls), (0, 1));
        let (written, polls) = counting_polls(stream.write(b"?")).await;
        let error = written.expect_err("nobody is there");
        assert_eq!((error.kind(), polls), (ErrorKind::BrokenPipe, 1));
        assert_eq!(reactor.turn_now()?, 0, "nothing spins");
    }
    Ok(())
}

/// Pitfalls: EPOLLERR spins (seastar#1785) or wakes nobody (tokio#2218, #4349).
#[test]
fn a_reset_while_idle_is_told_by_the_next_read() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut idle = ours.readable();
        assert!(futures_util::poll!(&mut idle).is_pending());
        reset(&ours, theirs)?;
        let (readable, polls) = counting_polls(idle).await;
        readable?;
        assert!(polls <= 3, "polled {polls} times");
        let error = ours.read(&mut [0; 8]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        is_over(&ours).await
    })
}

#[test]
fn a_reset_while_reading_wakes_the_reader() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut buffer = [0; 8];
        let mut reading = ours.read(&mut buffer);
        assert!(futures_util::poll!(&mut reading).is_pending());
        reset(&ours, theirs)?;
        let (read, polls) = counting_polls(reading).await;
        assert_eq!(read.expect_err("reset").kind(), ErrorKind::ConnectionReset);
        assert!(polls <= 3, "polled {polls} times");
        is_over(&ours).await
    })
}

#[test]
fn a_reset_while_writing_wakes_the_writer() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 32 << 20];
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut writing).is_pending());
        // It has much to read, and closes: a reset.
        drop(theirs);
        let (result, polls) = counting_polls(&mut writing).await;
        assert_eq!(
            result.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
        assert!(polls <= 8, "polled {polls} times");
        assert!(writing.written() > 0 && writing.written() < message.len());
        is_over(&ours).await
    })
}

/// One error: whoever comes second finds the end.
#[test]
fn a_reset_wakes_reader_and_writer_together() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let message = vec![0; 32 << 20];
        let mut buffer = [0; 8];
        let mut reading = ours.read(&mut buffer);
        let mut writing = ours.write_all(&message);
        assert!(futures_util::poll!(&mut reading).is_pending());
        assert!(futures_util::poll!(&mut writing).is_pending());
        drop(theirs);
        let (read, written) = futures_util::join!(reading, writing);
        assert_eq!(
            read.expect_err("it comes first").kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(
            written.expect_err("it comes second").kind(),
            ErrorKind::BrokenPipe
        );
        is_over(&ours).await
    })
}

#[test]
fn take_error_takes_the_reset() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let mut idle = ours.readable();
        assert!(futures_util::poll!(&mut idle).is_pending());
        assert!(ours.take_error()?.is_none());
        reset(&ours, theirs)?;
        idle.await?;
        let error = ours.take_error()?.expect("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(ours.take_error()?.is_none(), "once");
        is_over(&ours).await
    })
}
