//! Futures and outputs of every shape: of no size, of a megabyte, and aligned as nothing else is. They stay where they are from the
//! first poll on, have the alignment that they ask for, and are dropped once.

mod common;
mod workers;

use common::Count;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use waterwheel::{JoinSet, spawn, spawn_blocking, spawn_local};
use workers::block_on;

/// Nothing, and no place of its own.
#[derive(Clone, Copy)]
struct Nothing;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(u8);

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page(u8);

/// As long as eight of its kind.
#[derive(Clone, Copy)]
#[repr(align(256))]
struct Lines([u8; 2048]);

/// Knows its own bytes.
trait Shape: Copy + Send + Unpin + 'static {
    fn make() -> Self;
    fn is_whole(&self) -> bool;
}

impl Shape for Nothing {
    fn make() -> Self {
        Self
    }
    fn is_whole(&self) -> bool {
        true
    }
}

impl Shape for Line {
    fn make() -> Self {
        Self(64)
    }
    fn is_whole(&self) -> bool {
        self.0 == 64
    }
}

impl Shape for Page {
    fn make() -> Self {
        Self(40)
    }
    fn is_whole(&self) -> bool {
        self.0 == 40
    }
}

impl Shape for Lines {
    fn make() -> Self {
        Self([25; 2048])
    }
    fn is_whole(&self) -> bool {
        self.0.iter().all(|byte| *byte == 25)
    }
}

impl<const SIZE: usize> Shape for [u8; SIZE] {
    fn make() -> Self {
        [SIZE as u8; SIZE]
    }
    fn is_whole(&self) -> bool {
        self.iter().all(|byte| *byte == SIZE as u8)
    }
}

/// Pends a few times, looks each time whether it is where it was, and gives what it has.
struct Stays<S> {
    shape: S,
    first: Option<usize>,
    polls: usize,
}

impl<S: Shape> Stays<S> {
    fn new() -> Self {
        Self {
            shape: S::make(),
            first: None,
            polls: 0,
        }
    }
}

impl<S: Shape> Future for Stays<S> {
    type Output = S;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        // The compiler takes for granted what is to be found out.
        let here = std::hint::black_box((&raw const self.shape).addr());
        assert!(here.is_multiple_of(align_of::<S>()), "it is not aligned");
        assert_eq!(*self.first.get_or_insert(here), here, "it has been moved");
        assert!(self.shape.is_whole(), "somebody has written there");
        self.polls += 1;
        if self.polls == 4 {
            return Poll::Ready(self.shape);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A future that is only its place.
struct AtOnce<S>(std::marker::PhantomData<S>);

impl<S: Shape> Future for AtOnce<S> {
    type Output = S;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<S> {
        Poll::Ready(S::make())
    }
}

async fn in_every_way<S: Shape>() {
    // Several beside each other, so that one that wrote too far would meet another.
    let tasks: Vec<_> = (0..4).map(|_| spawn(Stays::<S>::new())).collect();
    let local = spawn_local(Stays::<S>::new());
    let at_once = spawn(AtOnce::<S>(std::marker::PhantomData));
    let job = spawn_blocking(S::make);
    let mut set = JoinSet::new();
    set.spawn(Stays::<S>::new());
    set.spawn(AtOnce::<S>(std::marker::PhantomData));
    for task in tasks {
        assert!(task.await.unwrap().is_whole());
    }
    assert!(local.await.unwrap().is_whole());
    assert!(at_once.await.unwrap().is_whole());
    assert!(job.await.unwrap().is_whole());
    while let Some(output) = set.join_next().await {
        assert!(output.unwrap().is_whole());
    }
    // Aborted, detached, and left to the end of the runtime.
    let aborted = spawn(Stays::<S>::new());
    aborted.abort();
    drop(aborted);
    drop(spawn(Stays::<S>::new()));
}

#[test]
fn of_no_size_of_odd_sizes_and_over_aligned() {
    block_on(async {
        for _ in 0..8 {
            in_every_way::<Nothing>().await;
            in_every_way::<Line>().await;
            in_every_way::<Page>().await;
            in_every_way::<Lines>().await;
            in_every_way::<[u8; 1]>().await;
            in_every_way::<[u8; 15]>().await;
            in_every_way::<[u8; 17]>().await;
            in_every_way::<[u8; 333]>().await;
            in_every_way::<[u8; 4099]>().await;
        }
    });
}

/// On a thread whose stack has room for the copies that a debug build makes.
#[test]
fn of_a_megabyte() {
    const SIZE: usize = 1 << 20;
    let thread = std::thread::Builder::new().stack_size(64 * SIZE);
    let run = || {
        waterwheel::block_on(async { spawn(Stays::<[u8; SIZE]>::new()).await.unwrap().is_whole() })
    };
    assert!(thread.spawn(run).unwrap().join().unwrap());
}

/// Memory of a task that has ended is that of the next: of another shape, which must not show.
#[test]
fn one_after_the_other_in_the_same_memory() {
    block_on(async {
        let count = Count::default();
        for round in 0..1000 {
            let (one, two) = (count.guard(), count.guard());
            let small = spawn(async move { drop(one) });
            let shape = spawn(Stays::<[u8; 40]>::new());
            let output = spawn(async move { (two, Stays::<[u8; 24]>::new().await) });
            small.await.unwrap();
            assert!(shape.await.unwrap().is_whole(), "round {round}");
            let (guard, bytes) = output.await.unwrap();
            assert!(bytes.is_whole(), "round {round}");
            drop(guard);
        }
        assert_eq!((count.made(), count.dropped()), (2000, 2000));
    });
}
