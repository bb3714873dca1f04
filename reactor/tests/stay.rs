//! A wait that borrows nothing: woken by readiness, or by the next turn, and gone when it has left.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use waterwheel::reactor::{AsyncFd, Operation, OwnedWait, Reactor, Reading, Writing};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

const READ: Operation<Reading> = Operation::new("a test");
const WRITE: Operation<Writing> = Operation::new("a test");

fn read(
    stay: &mut OwnedWait<Reading>,
    fd: &AsyncFd<UnixStream>,
    waker: &Waker,
) -> Poll<io::Result<usize>> {
    let mut buffer = [0; 16];
    stay.poll_transfer(
        fd,
        READ,
        16,
        |mut fd| fd.read(&mut buffer),
        || waker.clone(),
    )
}

#[test]
fn a_stay_is_woken_when_it_may_go_on() -> io::Result<()> {
    let reactor = Reactor::new()?;
    let _entered = reactor.enter();
    let (ours, mut theirs) = UnixStream::pair()?;
    let ours = AsyncFd::new(ours)?;
    let (count, waker) = Count::new();
    let mut stay = OwnedWait::new();
    assert!(read(&mut stay, &ours, &waker).is_pending());
    theirs.write_all(b"water")?;
    reactor.turn(None)?;
    assert_eq!(count.wakes(), 1);
    assert!(matches!(read(&mut stay, &ours, &waker), Poll::Ready(Ok(5))));
    assert!(
        read(&mut stay, &ours, &waker).is_pending(),
        "the short read has drained it"
    );
    Ok(())
}

#[test]
fn who_has_left_is_not_woken_and_keeps_nothing_alive() -> io::Result<()> {
    let reactor = Reactor::new()?;
    let _entered = reactor.enter();
    let (ours, mut theirs) = UnixStream::pair()?;
    let ours = AsyncFd::new(ours)?;
    let (count, waker) = Count::new();
    let mut stay = OwnedWait::new();
    assert!(read(&mut stay, &ours, &waker).is_pending());
    stay.leave(&ours);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
    theirs.write_all(b"water")?;
    reactor.turn_now()?;
    assert_eq!(count.wakes(), 0);
    Ok(())
}

#[test]
fn the_next_turn_tells_of_what_was_ready_already() -> io::Result<()> {
    let reactor = Reactor::new()?;
    let _entered = reactor.enter();
    let (ours, _theirs) = UnixStream::pair()?;
    let ours = AsyncFd::new(ours)?;
    let (count, waker) = Count::new();
    let mut stay = OwnedWait::<Writing>::new();
    for turn in 1..=3 {
        stay.next_turn(&ours, WRITE, &waker)?;
        reactor.turn(None)?;
        assert_eq!(count.wakes(), turn);
        reactor.turn_now()?;
        assert_eq!(count.wakes(), turn, "once");
    }
    Ok(())
}

#[test]
fn without_a_reactor_a_wait_is_an_error() -> io::Result<()> {
    let (ours, _theirs) = UnixStream::pair()?;
    let ours = AsyncFd::new(ours)?;
    let (count, waker) = Count::new();
    let mut stay = OwnedWait::new();
    let Poll::Ready(Err(error)) = read(&mut stay, &ours, &waker) else {
        panic!("it waits where nobody will wake it");
    };
    assert!(error.to_string().contains("runtime"), "{error}");
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
    Ok(())
}
