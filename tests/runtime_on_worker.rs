//! Tasks that stay with the worker of a worker.

use std::collections::HashSet;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use waterwheel::net::{ServeOptions, TcpListener, TcpStream, serve};
use waterwheel::{Handle, JoinSet, Runtime, spawn_blocking, yield_now};

fn runtime(workers: usize) -> Runtime {
    Runtime::builder()
        .worker_threads(workers)
        .build()
        .expect("a runtime")
}

/// However often it yields, and however busy its worker and idle the others.
#[test]
fn a_task_in_a_worker_never_leaves_it() {
    let runtime = runtime(4);
    let in_workers = (1..4).map(|worker| {
        let ids = (0..50).map(|_| {
            runtime.handle().spawn_on_worker(worker, async {
                let mut threads = HashSet::new();
                for _ in 0..100 {
                    threads.insert(thread::current().id());
                    yield_now().await;
                }
                threads
            })
        });
        ids.collect::<Vec<_>>()
    });
    let in_workers: Vec<_> = in_workers.collect();
    let main = thread::current().id();
    runtime.block_on(async {
        let mut all = HashSet::new();
        for tasks in in_workers {
            let mut threads = HashSet::new();
            for task in tasks {
                threads.extend(task.await.unwrap());
            }
            assert_eq!(threads.len(), 1, "one worker, one thread");
            all.extend(threads);
        }
        assert_eq!(all.len(), 3, "three workers, three threads");
        assert!(!all.contains(&main));
    });
}

#[test]
fn a_task_for_the_first_worker_outlasts_block_on() {
    let runtime = runtime(2);
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let mut task = None;
    runtime.block_on(async {
        task = Some(Handle::current().spawn_on_worker(0, async move {
            spawn_blocking(move || receiver.recv().is_ok())
                .await
                .unwrap()
        }));
    });
    sender.send(()).unwrap();
    assert!(runtime.block_on(task.unwrap()).unwrap());
}

#[test]
fn right_after_the_start_and_until_the_end() {
    for _ in 0..200 {
        let runtime = runtime(3);
        let tasks =
            [0, 1, 2].map(|worker| runtime.handle().spawn_on_worker(worker, pending::<()>()));
        let handle = runtime.handle().clone();
        let report = runtime.shutdown(Instant::now() + Duration::from_secs(60));
        assert!(report.is_complete());
        assert_eq!(report.tasks.len(), 3);
        let late = handle.spawn_on_worker(1, async {});
        waterwheel::block_on(async {
            for task in tasks.into_iter().chain([late]) {
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
    }
}

#[test]
#[should_panic(expected = "has the workers 0..2")]
fn a_worker_that_is_not_there() {
    runtime(2).handle().spawn_on_worker(2, async {});
}

#[test]
fn paused_time_has_one_order_all_the_same() {
    let runtime = Runtime::builder()
        .worker_threads(3)
        .paused_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..9)
            .map(|n| {
                let order = Arc::clone(&order);
                Handle::current().spawn_on_worker(n % 3, async move {
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..9).collect::<Vec<_>>());
    });
}

/// A listener a worker: connections come to all of them, and all are served.
#[test]
fn a_listener_per_worker() {
    let runtime = runtime(3);
    runtime.block_on(async {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listeners = TcpListener::bind_reuseport(any, Handle::current().workers()).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let options = ServeOptions::new().listener_per_worker();
        let server = serve(listeners, options, async |stream: TcpStream, _| {
            let mut buffer = [0; 5];
            stream.read_exact(&mut buffer).await?;
            stream.write_all(&buffer).await
        });
        let mut clients = JoinSet::new();
        for _ in 0..200 {
            clients.spawn(async move {
                let client = TcpStream::connect(address).await?;
                client.write_all(b"water").await?;
                client.read_exact(&mut [0; 5]).await
            });
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap().unwrap();
        }
        let report = server
            .shutdown(Instant::now() + Duration::from_secs(60))
            .await;
        assert_eq!((report.accepted, report.failed, report.left), (200, 0, 0));
    });
}
