//! A million reads that are given up lose no byte and leave no memory. The only tests of their file, one at a time, as they
//! count what the process allocates.

#[path = "../../tests/common/mod.rs"]
mod common;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use waterwheel::net::{OwnedReadHalf, StreamSocket, TcpStream, UnixStream};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work, and its contract is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls reads once each and drops them, and now and then writes to them, before the poll or between poll and drop.
/// What is read is what was written; and in the second half of the rounds nothing is allocated that stays.
async fn give_up_reads<S: StreamSocket>(
    reader: OwnedReadHalf<S>,
    mut writer: impl Write,
) -> io::Result<()> {
    let reads = common::rounds(1_000_000, 50_000);
    let nobody = Arc::new(Nobody);
    let waker = Waker::from(Arc::clone(&nobody));
    let mut cx = Context::from_waker(&waker);
    let (mut sent, mut received, mut pending) = (0u32, 0u32, 0);
    let mut bytes = Vec::with_capacity(64);
    let mut halfway = 0;
    for round in 0..reads {
        let mut buffer = [0; 7];
        let mut reading = reader.read(&mut buffer);
        if round % 100 == 50 {
            writer.write_all(&sent.to_le_bytes())?;
            sent += 1;
            reader.readable().await?;
        }
        let polled = Pin::new(&mut reading).poll(&mut cx);
        if round % 100 == 99 {
            writer.write_all(&sent.to_le_bytes())?;
            sent += 1;
        }
        drop(reading);
        let wakers = Arc::strong_count(&nobody);
        assert!(wakers <= 2, "round {round}: {wakers} wakers, and ours");
        match polled {
            Poll::Ready(count) => bytes.extend_from_slice(&buffer[..count?]),
            Poll::Pending => pending += 1,
        }
        while let Some((word, _)) = bytes.split_first_chunk() {
            assert_eq!(u32::from_le_bytes(*word), received, "round {round}");
            received += 1;
            bytes.drain(..4);
        }
        // A turn for the reactor, so that it has events to tell that nobody waits for any more.
        if round % 1000 == 999 {
            waterwheel::yield_now().await;
        }
        if round == reads / 2 {
            halfway = ALLOCATED.load(Ordering::Relaxed);
        }
    }
    let left = ALLOCATED.load(Ordering::Relaxed).saturating_sub(halfway);
    // Of the test harness there may be a little.
    assert!(left < 64 << 10, "{left} bytes were left behind");
    assert!(
        pending > reads / 2,
        "most must have been given up: {pending}"
    );
    drop(writer);
    loop {
        let mut buffer = [0; 64];
        match reader.read(&mut buffer).await? {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    let rest: Vec<u8> = (received..sent).flat_map(u32::to_le_bytes).collect();
    assert_eq!(bytes, rest);
    drop(waker);
    assert_eq!(Arc::strong_count(&nobody), 1, "a waker was left behind");
    Ok(())
}

/// One at a time, and by the short way: other workers would allocate meanwhile.
fn alone(test: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    waterwheel::block_on(test)
}

/// Pitfall: cancelled waiters accumulate (async-io).
#[test]
fn reads_of_tcp_that_are_given_up_lose_nothing_and_leave_nothing() -> io::Result<()> {
    alone(async {
        let (ours, theirs) = support::pair_with_std()?;
        give_up_reads(TcpStream::into_split(ours).0, theirs).await
    })
}

#[test]
fn reads_of_unix_that_are_given_up_lose_nothing_and_leave_nothing() -> io::Result<()> {
    alone(async {
        let (ours, theirs) = UnixStream::pair()?;
        // It never has so much to write that it would block.
        give_up_reads(UnixStream::into_split(ours).0, theirs.into_std()).await
    })
}
