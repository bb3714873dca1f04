//! An outbox sends each message wholly and in order, tells of each when it has gone, and leaves nothing behind.

mod support;

use futures_util::FutureExt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use support::{block_on, pair_with_std};
use waterwheel::net::{Outbox, Sent, TcpStream, Watermarks};
use waterwheel::{Runtime, spawn, yield_now};

/// More than the kernel takes of a connection that nobody reads.
const LARGE: usize = 32 << 20;

const FAR: Duration = Duration::from_secs(600);

/// An outbox, and its peer, which blocks.
fn outbox() -> io::Result<(Outbox<TcpStream>, net::TcpStream)> {
    let (ours, theirs) = pair_with_std()?;
    Ok((Outbox::new(ours), theirs))
}

/// Reads to the end, and returns how many bytes there were.
fn drain(mut from: net::TcpStream) -> usize {
    let (mut buffer, mut count) = (vec![0; 256 << 10], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return count,
            Ok(more) => count += more,
            Err(error) => panic!("after {count} bytes: {error}"),
        }
    }
}

#[test]
fn a_message_that_nobody_is_before_goes_at_once() -> io::Result<()> {
    block_on(async {
        let (outbox, mut theirs) = outbox()?;
        let sent = outbox.send("water");
        assert!(sent.is_settled());
        assert_eq!((sent.written(), outbox.queued_bytes()), (5, 0));
        let mut buffer = [0; 5];
        theirs.read_exact(&mut buffer)?;
        assert_eq!(&buffer, b"water");
        sent.await
    })
}

#[test]
fn messages_of_every_kind_come_in_order() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let large = vec![7; LARGE];
        let shared: Arc<[u8]> = Arc::from(&b"shared"[..]);
        let boxed: Box<[u8]> = Box::from(&b"boxed"[..]);
        let sent: Vec<Sent> = vec![
            outbox.send("first"),
            outbox.send(large),
            outbox.send(""),
            outbox.send(shared.clone()),
            outbox.send(String::from("string")),
            outbox.send(boxed),
            outbox.send(b"bytes"),
            outbox.send(Vec::new()),
        ];
        assert!(!sent[2].is_settled(), "it is behind the large one");
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            (&theirs).read_to_end(&mut all).map(|_| all)
        });
        for sent in sent {
            sent.await?;
        }
        let empty = outbox.send("");
        assert!(empty.is_settled());
        // The longest limit overflows nowhere.
        assert!(outbox.close(Duration::MAX).await.is_drained());
        let all = reader.join().expect("the reader")?;
        assert_eq!(&all[..5], b"first");
        assert!(all[5..5 + LARGE].iter().all(|&byte| byte == 7));
        assert_eq!(&all[5 + LARGE..], b"sharedstringboxedbytes");
        assert_eq!(
            Arc::strong_count(&shared),
            1,
            "it is let go when it has gone"
        );
        Ok(())
    })
}

#[test]
fn a_message_is_complete_when_it_has_gone_and_not_when_it_was_read() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let first = outbox.send(vec![1; LARGE]);
        let mut second = outbox.send("second");
        assert!(first.written() > 0 && first.written() < LARGE);
        assert_eq!(second.written(), 0);
        assert!(futures_util::poll!(&mut second).is_pending());
        let gone = first.written();
        assert_eq!(outbox.queued_bytes(), LARGE - gone + 6);
        let (tell, told) = mpsc::channel();
        let reader = thread::spawn(move || {
            told.recv().expect("the test goes on");
            drain(theirs)
        });
        tell.send(()).expect("the reader waits");
        first.await?;
        second.await?;
        outbox.close(FAR).await;
        assert_eq!(reader.join().expect("the reader"), LARGE + 6);
        Ok(())
    })
}

#[test]
fn a_dropped_completion_cancels_nothing() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        drop(outbox.send(vec![1; LARGE]));
        let mut sent = outbox.send("second");
        assert!(futures_util::poll!(&mut sent).is_pending());
        drop(sent);
        let reader = thread::spawn(move || drain(theirs));
        assert!(outbox.close(FAR).await.is_drained());
        assert_eq!(reader.join().expect("the reader"), LARGE + 6);
        Ok(())
    })
}

/// What is told of a failure: each message that had not gone, of how much of it had.
#[test]
fn one_failure_fails_all_that_is_queued() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let ours = Arc::new(ours);
        let outbox = Outbox::new(Arc::clone(&ours));
        let before = outbox.send("before");
        theirs.peek(&mut [0])?;
        let large = outbox.send(vec![1; LARGE]);
        let behind = outbox.send("behind");
        let ready = outbox.ready();
        assert!(outbox.is_over());
        // What it has not read makes it a reset.
        drop(theirs);
        before.await?;
        assert_eq!(
            ready.await.expect_err("over").kind(),
            ErrorKind::ConnectionReset
        );
        let written = large.written();
        let error = large.await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{written} of ")), "{text}");
        let mut behind = pin!(behind);
        for _ in 0..2 {
            let error = behind.as_mut().await.expect_err("reset");
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectionReset,
                "each time it is asked"
            );
        }
        assert_eq!(behind.written(), 0);
        let later = outbox.send("later").await.expect_err("it has failed");
        assert_eq!(later.kind(), ErrorKind::ConnectionReset);
        assert_eq!((outbox.queued_bytes(), outbox.is_over()), (0, false));
        let report = outbox.close(FAR).await;
        assert_eq!(report.left_messages, 2);
        assert_eq!(report.left_bytes, LARGE - written + 6);
        assert!(report.error.is_some() && !report.is_drained());
        Ok(())
    })
}

#[test]
fn a_peer_that_has_gone_is_told_by_the_message_that_finds_it() -> io::Result<()> {
    block_on(async {
        let (outbox, _theirs) = outbox()?;
        outbox.get_ref().shutdown(Shutdown::Write)?;
        let sent = outbox.send("too late");
        assert_eq!(sent.await.expect_err("shut").kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}

#[test]
fn a_dropped_outbox_gives_up_what_is_queued_and_keeps_nothing() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = pair_with_std()?;
        let ours = Arc::new(ours);
        let outbox = Outbox::new(Arc::clone(&ours));
        let large = outbox.send(vec![1; LARGE]);
        let behind = outbox.send("behind");
        drop(outbox);
        assert_eq!(Arc::strong_count(&ours), 1, "nobody else has the stream");
        drop(ours);
        let written = large.written();
        for unsent in [large, behind] {
            let error = unsent.await.expect_err("given up");
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        }
        assert_eq!(
            drain(theirs),
            written,
            "the peer sees the end behind what went"
        );
        Ok(())
    })
}

#[test]
fn closing_sends_what_is_queued_and_then_the_end() -> io::Result<()> {
    block_on(async {
        let (outbox, mut theirs) = outbox()?;
        let large = outbox.send(vec![1; LARGE]);
        let closing = outbox.close(FAR);
        let refused = outbox.send("behind").await.expect_err("closed");
        assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
        let reader = theirs.try_clone()?;
        let reader = thread::spawn(move || drain(reader));
        let report = closing.await;
        assert!(report.is_drained(), "{report:?}");
        assert!(large.is_settled());
        assert_eq!(reader.join().expect("the reader"), LARGE);
        theirs.write_all(b"still")?;
        let mut answer = [0; 5];
        outbox.get_ref().read_exact(&mut answer).await?;
        assert_eq!(&answer, b"still", "the other direction goes on");
        Ok(())
    })
}

#[test]
fn a_deadline_ends_what_nobody_reads() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let large = outbox.send(vec![1; LARGE]);
        let behind = outbox.send("behind");
        let report = outbox.close(Duration::from_millis(5)).await;
        let written = large.written();
        assert_eq!(report.left_messages, 2);
        assert_eq!(report.left_bytes, LARGE - written + 6);
        assert!(report.error.is_none());
        for unsent in [large, behind] {
            let error = unsent.await.expect_err("too slow");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
        assert_eq!(drain(theirs), written, "then the end");
        Ok(())
    })
}

#[test]
fn a_cancelled_close_leaves_the_rest_to_go_and_may_be_taken_up() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let large = outbox.send(vec![1; LARGE]);
        // Long enough to be polled before, also where all is slow; and nobody reads until it has passed.
        let limit = Duration::from_millis(50);
        let mut closing = outbox.close(limit);
        assert!(futures_util::poll!(&mut closing).is_pending());
        drop(closing);
        waterwheel::sleep(limit + Duration::from_millis(1)).await;
        assert!(!large.is_settled());
        let reader = thread::spawn(move || drain(theirs));
        large.await?;
        assert!(outbox.send("").await.is_err(), "it is closed");
        assert!(outbox.close(FAR).await.is_drained());
        assert_eq!(reader.join().expect("the reader"), LARGE);
        Ok(())
    })
}

#[test]
fn senders_wait_from_the_high_watermark_to_the_low_one() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let watermarks = Watermarks {
            low: 100_000,
            high: 1_000_000,
        };
        let outbox = Outbox::with_watermarks(ours, watermarks);
        outbox.ready().await?;
        let large = outbox.send(vec![1; LARGE]);
        assert!(outbox.is_over());
        let cancelled = outbox.ready();
        let mut cancelled = pin!(cancelled);
        assert!(futures_util::poll!(&mut cancelled).is_pending());
        let reader = thread::spawn(move || -> io::Result<net::TcpStream> {
            let mut buffer = vec![0; 64 << 10];
            for _ in 0..LARGE / buffer.len() {
                theirs.read_exact(&mut buffer)?;
            }
            Ok(theirs)
        });
        let seen = AtomicUsize::new(usize::MAX);
        let ready = outbox.ready();
        let mut ready = pin!(ready);
        poll_fn(|cx| {
            let polled = ready.as_mut().poll(cx);
            if polled.is_ready() {
                seen.store(outbox.queued_bytes(), Ordering::Relaxed);
            }
            polled
        })
        .await?;
        assert!(seen.into_inner() <= watermarks.low);
        assert!(!outbox.is_over());
        large.await?;
        drop(reader.join().expect("the reader")?);
        Ok(())
    })
}

/// Whoever waits for room learns at once that there will be none: nobody reads, so nothing else would tell.
#[test]
fn who_waits_for_room_is_woken_when_the_outbox_closes() -> io::Result<()> {
    block_on(async {
        let (outbox, _theirs) = outbox()?;
        drop(outbox.send(vec![1; LARGE]));
        assert!(outbox.is_over());
        let outbox = Arc::new(outbox);
        let waits = Arc::clone(&outbox);
        let (polled, is_polled) = mpsc::channel();
        let waiting = spawn(async move {
            let mut ready = pin!(waits.ready());
            poll_fn(|cx| {
                let result = ready.as_mut().poll(cx);
                let _ = polled.send(result.is_pending());
                result
            })
            .await
        });
        while is_polled.try_recv() != Ok(true) {
            yield_now().await;
        }
        drop(outbox.close(FAR));
        let told = waterwheel::timeout(Duration::from_secs(60), waiting).await;
        let told = told.expect("nobody was woken").expect("no panic");
        assert_eq!(told.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    })
}

/// A waker that sends when it is woken: the outbox calls it with no lock held, and never from within itself.
#[test]
fn a_waker_may_send() -> io::Result<()> {
    struct Sender {
        outbox: OnceLock<Arc<Outbox<TcpStream>>>,
        woken: AtomicUsize,
    }
    impl Wake for Sender {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::SeqCst);
            let outbox = self.outbox.get().expect("set before");
            drop(outbox.send("from the waker"));
        }
    }
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let outbox = Arc::new(outbox);
        let sender = Arc::new(Sender {
            outbox: OnceLock::new(),
            woken: AtomicUsize::new(0),
        });
        sender.outbox.set(Arc::clone(&outbox)).expect("once");
        let mut large = outbox.send(vec![1; LARGE]);
        let behind = outbox.send("behind");
        let waker = Waker::from(Arc::clone(&sender));
        let polled = Pin::new(&mut large).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let reader = thread::spawn(move || drain(theirs));
        behind.await?;
        while sender.woken.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
        assert!(outbox.close(FAR).await.is_drained());
        assert_eq!(sender.woken.load(Ordering::SeqCst), 1);
        assert_eq!(
            reader.join().expect("the reader"),
            LARGE + "behind".len() + "from the waker".len()
        );
        Ok(())
    })
}

/// The wait is the outbox's own: a thread without a runtime may fill the socket.
#[test]
fn a_thread_without_a_runtime_sends_what_a_runtime_flushes() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let sent = thread::scope(|scope| scope.spawn(|| outbox.send(vec![1; LARGE])).join());
        let sent = sent.expect("no panic");
        assert!(!sent.is_settled());
        let reader = thread::spawn(move || drain(theirs));
        sent.await?;
        outbox.close(FAR).await;
        assert_eq!(reader.join().expect("the reader"), LARGE);
        Ok(())
    })
}

#[test]
fn without_any_runtime_what_does_not_go_at_once_fails() -> io::Result<()> {
    let (outbox, _theirs) = outbox()?;
    let small = outbox.send("small");
    assert!(matches!(small.now_or_never(), Some(Ok(()))));
    let large = outbox.send(vec![1; LARGE]);
    let written = large.written();
    assert!(written > 0);
    let error = large
        .now_or_never()
        .expect("at once")
        .expect_err("no runtime");
    assert!(error.to_string().contains("runtime"), "{error}");
    Ok(())
}

#[test]
fn when_the_runtime_ends_what_is_queued_fails_and_the_stream_is_free() -> io::Result<()> {
    let (ours, theirs) = pair_with_std()?;
    let ours = Arc::new(ours);
    let (outbox, sent) = block_on(async {
        let outbox = Outbox::new(Arc::clone(&ours));
        let sent = outbox.send(vec![1; LARGE]);
        (outbox, sent)
    });
    let written = sent.written();
    let error = sent
        .now_or_never()
        .expect("settled")
        .expect_err("no runtime");
    assert!(
        error.to_string().starts_with(&format!("{written} of ")),
        "{error}"
    );
    assert_eq!(Arc::strong_count(&ours), 2, "ours and the outbox's");
    drop((outbox, ours));
    assert_eq!(drain(theirs), written);
    Ok(())
}

#[test]
fn an_outbox_with_nothing_queued_moves_to_the_next_runtime() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    let outbox = block_on(async {
        let outbox = Outbox::new(ours);
        outbox.send("one").await.map(|()| outbox)
    })?;
    block_on(async {
        let sent = outbox.send(vec![1; LARGE]);
        let reader = thread::spawn(move || {
            let mut all = vec![0; LARGE + 3];
            theirs.read_exact(&mut all)
        });
        sent.await?;
        reader.join().expect("the reader")
    })
}

/// The descriptor belongs to the driver of a worker that is stuck in a poll; others take its turns.
#[test]
fn a_stuck_worker_does_not_keep_messages_from_going() -> io::Result<()> {
    let runtime = Runtime::builder().worker_threads(2).build()?;
    let (ours, theirs) = pair_with_std()?;
    let (give, outbox) = mpsc::channel();
    let free = Arc::new(AtomicBool::new(false));
    let stuck = Arc::clone(&free);
    let task = runtime.spawn(async move {
        let outbox = Outbox::new(ours);
        let sent = outbox.send(vec![1; LARGE]);
        assert!(!sent.is_settled());
        give.send(sent).expect("the test waits");
        // A poll that does not return, on the worker whose reactor has the descriptor.
        while !stuck.load(Ordering::Acquire) {
            thread::yield_now();
        }
        outbox
    });
    let sent = outbox.recv().expect("the task runs");
    let reader = thread::spawn(move || drain(theirs));
    let sent = runtime.block_on(sent);
    free.store(true, Ordering::Release);
    let outbox = runtime.block_on(task).expect("no panic");
    sent?;
    drop(outbox);
    assert_eq!(reader.join().expect("the reader"), LARGE);
    Ok(())
}

/// A task whose messages always go at once comes to the end of its budget, and lets others run.
#[test]
fn a_task_whose_messages_always_go_lets_others_run() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let reader = thread::spawn(move || drain(theirs));
        let stop = Arc::new(AtomicBool::new(false));
        let stopper = Arc::clone(&stop);
        spawn(async move { stopper.store(true, Ordering::Release) });
        let mut sent = 0;
        while !stop.load(Ordering::Acquire) {
            outbox.ready().await?;
            outbox.send("x").await?;
            sent += 1;
        }
        outbox.close(FAR).await;
        assert_eq!(reader.join().expect("the reader"), sent);
        Ok(())
    })
}

#[test]
fn a_polled_completion_is_woken_in_the_task_that_polled_it_last() -> io::Result<()> {
    block_on(async {
        let (outbox, theirs) = outbox()?;
        let mut sent = outbox.send(vec![1; LARGE]);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut sent).poll(cx).is_pending())).await;
        assert!(first);
        let other = spawn(sent);
        let reader = thread::spawn(move || drain(theirs));
        other.await.expect("no panic")?;
        drop(outbox);
        assert_eq!(reader.join().expect("the reader"), LARGE);
        Ok(())
    })
}
