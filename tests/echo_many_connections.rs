//! Many connections at once, all of them echoed on; when they are closed, descriptors and memory are where they were.

mod workers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::rc::Rc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::spawn_local;
use workers::block_on;

/// The system's allocator, which counts the bytes that are alive.
struct Counting;

static ALIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Both ends are in this process: two descriptors a connection, and some to spare.
fn connections() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("proc");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .expect("a limit");
    let soft = line.split_whitespace().nth(3).expect("a number");
    let soft: usize = soft.parse().unwrap_or(usize::MAX);
    (soft.saturating_sub(100) / 2).min(8_000)
}

async fn echo(stream: TcpStream) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        stream
            .write_all(&buffer[..count])
            .await
            .expect("the client reads");
    }
}

/// Opens `count` connections, uses all of them, and closes them.
fn clients(address: SocketAddr, count: usize) {
    let mut streams: Vec<_> = (0..count)
        .map(|_| Blocking::connect(address).expect("connect"))
        .collect();
    for round in 0..2u64 {
        for (number, stream) in streams.iter_mut().enumerate() {
            let message = (number as u64) << 8 | round;
            stream.write_all(&message.to_le_bytes()).expect("write");
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).expect("read");
            assert_eq!(u64::from_le_bytes(answer), (number as u64) << 8 | round);
        }
    }
}

/// Serves `count` connections until all have ended.
async fn serve(listener: &TcpListener, count: usize) {
    let mut tasks = Vec::new();
    for _ in 0..count {
        let (stream, _) = listener.accept().await.expect("accept");
        tasks.push(spawn_local(echo(stream)));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
}

#[test]
fn descriptors_and_memory_come_back() {
    let count = connections();
    println!("{count} connections");
    let (send, receive) = mpsc::channel::<(SocketAddr, usize)>();
    let receive = Mutex::new(receive);
    let (done, finished) = mpsc::channel();
    let client = thread::spawn(move || {
        let receive = receive.into_inner().expect("unpoisoned");
        while let Ok((address, count)) = receive.recv() {
            clients(address, count);
            done.send(()).expect("the server waits");
        }
    });
    block_on(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.expect("bind"));
        let address = listener.local_addr().expect("bound");
        // Once with few, so that what is kept between turns is there.
        let mut baseline = None;
        for count in [10, count, count] {
            send.send((address, count)).expect("the client runs");
            serve(&listener, count).await;
            finished.recv().expect("the client has checked its answers");
            let now = (descriptors(), ALIVE.load(Ordering::Relaxed));
            let (fds, bytes) = *baseline.get_or_insert(now);
            assert_eq!(now.0, fds, "descriptors after {count} connections");
            let grown = now.1 - bytes;
            assert!(
                grown < 16 * 1024,
                "{grown} bytes more after {count} connections"
            );
        }
    });
    drop(send);
    client.join().expect("the client");
}
