//! A task whose descriptor is always ready lets others run: each operation spends of the task's budget.

mod workers;

use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use waterwheel::poll_context::budget::PER_POLL;
use waterwheel::reactor::{AsyncFd, Interest};
use waterwheel::{sleep, spawn_local, yield_now};
use workers::block_on;

/// Reads for ever what never blocks, and counts.
async fn read_for_ever(operations: Rc<Cell<u64>>) {
    let zeros = AsyncFd::new(File::open("/dev/zero").expect("/dev/zero")).expect("nonblocking");
    loop {
        let byte = |mut file: &File| file.read(&mut [0]);
        let read = zeros.async_io(Interest::Read, byte).await;
        assert_eq!(read.expect("read"), 1);
        operations.set(operations.get() + 1);
    }
}

/// Pitfall: self-waking tasks starve the driver (tokio#8212).
#[test]
fn a_timer_fires_beside_a_descriptor_that_is_always_ready() {
    block_on(async {
        let operations = Rc::new(Cell::new(0));
        let reader = spawn_local(read_for_ever(Rc::clone(&operations)));
        sleep(Duration::from_millis(2)).await;
        assert!(!reader.is_finished());
        assert!(operations.get() > 0);
    });
}

#[test]
fn a_task_yields_once_its_budget_is_spent() {
    block_on(async {
        let operations = Rc::new(Cell::new(0));
        let reader = spawn_local(read_for_ever(Rc::clone(&operations)));
        for _ in 0..1000 {
            let before = operations.get();
            yield_now().await;
            assert!(operations.get() - before <= u64::from(PER_POLL));
        }
        assert!(!reader.is_finished());
        assert!(operations.get() >= u64::from(PER_POLL));
    });
}

/// What finds nothing to do spends nothing: a task may wait for more descriptors than its budget has operations.
#[test]
fn waiting_spends_nothing() {
    block_on(async {
        let pipes: Vec<_> = (0..2 * PER_POLL as usize)
            .map(|_| std::io::pipe().expect("pipe"))
            .collect();
        let readers: Vec<_> = pipes
            .iter()
            .map(|(reader, _)| AsyncFd::new(reader).expect("nonblocking"))
            .collect();
        let mut waits: Vec<_> = readers.iter().map(AsyncFd::readable).collect();
        let ready = AsyncFd::new(File::open("/dev/zero").expect("/dev/zero")).expect("nonblocking");
        let byte = |mut file: &File| file.read(&mut [0]);
        std::future::poll_fn(|cx| {
            for wait in &mut waits {
                assert!(Pin::new(wait).poll(cx).is_pending());
            }
            // In the same poll of the task.
            let mut read = ready.async_io(Interest::Read, byte);
            assert!(Pin::new(&mut read).poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
    });
}
