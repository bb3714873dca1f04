//! Ten thousand silent connections, each with a task and a timeout, cost little memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{self, Read, Write};
use std::net;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::net::{TcpListener, TcpStream, read_chunk};
use waterwheel::{JoinHandle, block_on, sleep, spawn, timeout};

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

const LIMIT: Duration = Duration::from_secs(30);

/// Bytes of heap, for each connection.
const MOST: isize = 700;

/// Echoes until the end, or a silence of half a minute.
async fn echo(stream: TcpStream) -> io::Result<()> {
    loop {
        let chunk = read_chunk(&stream, 4096, |bytes| bytes.to_vec());
        let Ok(chunk) = timeout(LIMIT, chunk).await else {
            return Ok(());
        };
        match chunk? {
            end if end.is_empty() => return Ok(()),
            bytes => stream.write_all(&bytes).await?,
        }
    }
}

/// The same, with one timer that each message pushes back.
async fn echo_reset(stream: TcpStream) -> io::Result<()> {
    let mut silence = sleep(LIMIT);
    loop {
        let chunk = {
            let mut chunk = read_chunk(&stream, 4096, |bytes| bytes.to_vec());
            let chunk = std::future::poll_fn(|cx| {
                use std::{future::Future, pin::Pin, task::Poll};
                if let Poll::Ready(chunk) = Pin::new(&mut chunk).poll(cx) {
                    return Poll::Ready(Some(chunk));
                }
                Pin::new(&mut silence).poll(cx).map(|()| None)
            });
            chunk.await
        };
        silence.reset(Instant::now() + LIMIT);
        match chunk.transpose()? {
            None => return Ok(()),
            Some(end) if end.is_empty() => return Ok(()),
            Some(bytes) => stream.write_all(&bytes).await?,
        }
    }
}

/// Both ends are in this process: two descriptors a connection, and some to spare.
fn connections() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("proc");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line
        .and_then(|line| line.split_whitespace().nth(3))
        .expect("a limit");
    let soft: usize = soft.parse().unwrap_or(usize::MAX);
    (soft.saturating_sub(100) / 2).min(10_000)
}

fn measure(name: &str, serve: impl Fn(TcpStream) -> JoinHandle<io::Result<()>>) -> io::Result<()> {
    let count = connections();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        // Room for what the test itself keeps.
        let mut clients = Vec::with_capacity(count);
        let mut tasks = Vec::with_capacity(count);
        // What a thread allocates once and for all, the shared buffer above all.
        let first = net::TcpStream::connect(address)?;
        let task = serve(listener.accept().await?.0);
        drop(first);
        task.await.expect("no panic")?;
        let before = ALIVE.load(Ordering::Relaxed);
        for _ in 0..count {
            clients.push(net::TcpStream::connect(address)?);
            tasks.push(serve(listener.accept().await?.0));
        }
        // Each has said something, and had its answer, so that it has been read from and has waited.
        let clients = waterwheel::spawn_blocking(move || -> io::Result<_> {
            for client in &mut clients {
                client.write_all(b"hello")?;
            }
            for client in &mut clients {
                client.read_exact(&mut [0; 5])?;
            }
            Ok(clients)
        });
        let clients = clients.await.expect("no panic")?;
        let each = (ALIVE.load(Ordering::Relaxed) - before) / count as isize;
        println!("{name}: {count} idle connections, {each} bytes of heap each");
        assert!(
            each <= MOST,
            "{name}: {each} bytes a connection, more than {MOST}"
        );
        assert!(
            each > 100,
            "{name}: {each} bytes a connection cannot be all"
        );
        let closing = thread::spawn(move || drop(clients));
        for task in tasks {
            task.await.expect("no panic")?;
        }
        closing.join().expect("the clients");
        Ok(())
    })
}

/// One test, as the memory of all is counted together.
#[test]
fn silent_connections_are_small() -> io::Result<()> {
    measure("a timeout a read", |stream| spawn(echo(stream)))?;
    measure("a timer a connection", |stream| spawn(echo_reset(stream)))
}
