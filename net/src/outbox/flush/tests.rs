//! What happens between the parking of the waker and the return of the writer.

use super::*;
use crate::outbox::watermarks::Watermarks;
use crate::tcp::TcpStream;
use std::cell::RefCell;
use std::io::Read;
use std::net;
use std::thread;
use waterwheel_reactor::Reactor;

type Window = Box<dyn Fn()>;

thread_local! {
    /// What happens on this thread between the parking of the waker and the return of the writer.
    static WINDOW: RefCell<Option<Window>> = const { RefCell::new(None) };
}

pub(super) fn in_the_window() {
    if let Some(window) = WINDOW.take() {
        window();
    }
}

/// A wake that comes while the holder of the writer has parked already, and has not put it back: no other will
/// come, for all the room that there can be is there.
#[test]
fn a_wake_in_the_window_is_not_lost() -> io::Result<()> {
    const LARGE: usize = 32 << 20;
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let ours = net::TcpStream::connect(listener.local_addr()?)?;
    let mut theirs = listener.accept()?.0;
    let reactor = Reactor::new()?;
    let _entered = reactor.enter();
    let core = Core::new(TcpStream::from_std(ours)?, Watermarks::default());

    let watched = Arc::clone(&core);
    let turned = Arc::clone(&reactor);
    let reader = theirs.try_clone()?;
    WINDOW.set(Some(Box::new(move || {
        // The peer takes all that has gone, which makes room; and the reactor tells of that, once.
        let gone = LARGE - watched.queued();
        let mut all = vec![0; gone];
        (&reader).read_exact(&mut all).expect("it has gone");
        while !watched.lock().notified {
            turned.turn(None).expect("a turn");
        }
    })));
    let sent = core.send(vec![1; LARGE].into());
    assert!(WINDOW.take().is_none(), "it never had to wait");
    assert!(!sent.is_settled());

    let read_rest = thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while theirs.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let waker = Waker::from(Arc::clone(&reactor));
    let mut sent = std::pin::pin!(sent);
    let mut cx = std::task::Context::from_waker(&waker);
    while std::future::Future::poll(sent.as_mut(), &mut cx)?.is_pending() {
        reactor.turn(None)?;
    }
    drop(core);
    read_rest.join().expect("the reader");
    Ok(())
}
