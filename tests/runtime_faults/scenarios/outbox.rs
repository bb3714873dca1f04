//! [`Outbox`]: each message is told what has become of it, and so is who closes.

use super::{LONG, Stream, bytes, check, tcp_pair};
use crate::calls::{Call, Expect, Fault};
use crate::ledger::{Ledger, Part};
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Instant;
use waterwheel::net::{Outbox, UnixStream};
use waterwheel::reactor::{self, AsyncFd, OwnedWait, Writing};
use waterwheel::{spawn, timeout};

/// The second, and what is queued behind it, does not fit the buffers.
const LENGTHS: [usize; 5] = [10, 60 << 10, 0, 1, 300];

pub(super) fn expect(call: Call, fault: Fault) -> Option<Expect> {
    match (call, fault) {
        // A message that nobody is before is written at once: what does not go is queued, and tried again.
        (Call::Send, Fault::Zero) => Some(Expect::NothingOrWriteZero),
        (Call::Shutdown, Fault::Lie(libc::ENOTCONN)) => Some(Expect::Invisible),
        _ => None,
    }
}

pub(super) async fn run(ledger: Ledger) -> io::Result<()> {
    let (ours, theirs) = tcp_pair(&ledger, Some(4096)).await?;
    let (ours_too, theirs_too) = UnixStream::pair()?;
    ours_too.set_send_buffer_size(4096)?;
    let first = spawn(one(ours, theirs, 0, ledger.clone()));
    let second = spawn(one(ours_too, theirs_too, 1, ledger.clone()));
    ledger.ended(Part::Number(2), next_turn().await);
    first.await.expect("no panic");
    second.await.expect("no panic");
    Ok(())
}

async fn one<S: Stream>(ours: S, theirs: S, number: u8, ledger: Ledger) {
    let part = Part::Number(number);
    let all: usize = LENGTHS.iter().sum();
    let reads = ledger.clone();
    let reader = spawn(async move {
        let mut total = 0;
        let read = read_counting(&theirs, number, &mut total).await;
        let whole = read.is_ok();
        reads.ended(part, read);
        (total, whole)
    });
    let outbox = Outbox::new(ours);
    let mut offset = 0;
    let mut sent = Vec::new();
    for length in LENGTHS {
        let message = bytes(number, offset + length).split_off(offset);
        sent.push((offset, outbox.send(message)));
        offset += length;
    }
    let report = timeout(LONG, outbox.close(Instant::now() + LONG)).await;
    let report = report.expect("it has a deadline");
    let failed = report.error.is_some();
    let mut written = 0;
    let mut unsent = 0;
    for (_, mut message) in sent {
        let result = (&mut message).await;
        written += message.written();
        unsent += usize::from(result.is_err());
        ledger.ended(part, result);
    }
    assert_eq!(
        unsent > 0,
        failed,
        "the report and the messages agree: {report:?}"
    );
    // What was sent after it had failed is not left, but refused.
    assert!(report.left_messages <= unsent, "{report:?}");
    assert!(written + report.left_bytes <= all, "{report:?}");
    assert!(failed || written == all, "{written} of {all} have gone");
    ledger.ended(part, report.error.map_or(Ok(()), Err));
    drop(outbox);
    let (received, whole) = reader.await.expect("no panic");
    assert!(
        received <= written,
        "{received} have come, and {written} have gone"
    );
    if whole {
        assert_eq!(received, written, "what the kernel has taken comes");
    }
}

/// What an outbox does when it has written so much that others are to have their turn, which depends on how much the kernel takes: it
/// asks to be woken in the next one.
async fn next_turn() -> io::Result<()> {
    const CALL: reactor::Operation<Writing> = reactor::Operation::new("the sweep");
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    let ours = AsyncFd::new(ours)?;
    let mut stay = OwnedWait::new();
    let mut asked = false;
    let turned = poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(Ok(()));
        }
        match stay.next_turn(&ours, CALL, cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    });
    timeout(LONG, turned).await?
}

/// Reads to the end, wherever that is.
async fn read_counting(from: &impl Stream, number: u8, total: &mut usize) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        match timeout(LONG, from.read(&mut buffer)).await?? {
            0 => return Ok(()),
            count => {
                check(number, *total, &buffer[..count]);
                *total += count;
            }
        }
    }
}
