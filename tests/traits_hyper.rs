//! hyper on Waterwheel: its connections, its timer, its executor.

#![cfg(feature = "hyper")]

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor, Timer};
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use waterwheel::net::{self, PollStream, TcpListener, TcpStream, UnixStream};
use waterwheel::{Runtime, block_on, spawn, time, yield_now};

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    Ok(Response::new(Full::new(body)))
}

/// Bodies of all sizes, over one connection.
#[test]
fn bodies_come_back() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let serving = spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(PollStream::new(server), service_fn(echo)),
        );
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(PollStream::new(client))
                .await
                .unwrap();
        let connection = spawn(connection);
        for size in [0, 1, 1_000, 65_536, 65_537, 3_000_000] {
            let body: Bytes = (0..size).map(|n: u32| (n % 251) as u8).collect();
            let request = Request::post("/")
                .header("host", "here")
                .body(Full::new(body.clone()));
            let response = sender.send_request(request.unwrap()).await.unwrap();
            assert!(
                response.into_body().collect().await.unwrap().to_bytes() == body,
                "{size}"
            );
        }
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

/// A client that says nothing is cut off by the timer that hyper was given.
#[test]
fn a_silent_client_is_cut_off_by_the_timer() {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (silent, server) = UnixStream::pair().unwrap();
        let start = time::now();
        let limit = Duration::from_secs(30);
        let served = hyper::server::conn::http1::Builder::new()
            .timer(net::hyper::Timer::new())
            .header_read_timeout(limit)
            .serve_connection(PollStream::new(server), service_fn(echo))
            .await;
        assert!(served.unwrap_err().is_timeout());
        assert_eq!(time::now(), start + limit);
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn the_timer_resets_its_own_sleeps() {
    let runtime = Runtime::builder()
        .worker_threads(1)
        .paused_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (start, second) = (time::now(), Duration::from_secs(1));
        let timer = net::hyper::Timer::new();
        let mut sleep = timer.sleep(5 * second);
        timer.reset(&mut sleep, start + 2 * second);
        sleep.as_mut().await;
        assert_eq!(timer.now(), start + 2 * second);
        timer.sleep_until(start + 3 * second).await;
        assert_eq!(timer.now(), start + 3 * second);
    });
}

#[test]
fn the_executor_spawns() {
    block_on(async {
        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        net::hyper::Executor::new().execute(async move { flag.store(true, Ordering::SeqCst) });
        while !ran.load(Ordering::SeqCst) {
            yield_now().await;
        }
    });
}
