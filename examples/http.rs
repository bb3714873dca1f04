//! HTTP by hyper 1 on Waterwheel.
//!
//!     cargo run --release --features hyper --example http                       a server, and clients that ask it
//!     cargo run --release --features hyper --example http -- 127.0.0.1:7000     serves: `curl http://127.0.0.1:7000/`
//!     cargo run --release --features hyper --example http -- 127.0.0.1:7000 2   on so many workers
//!
//! hyper brings the protocol; connections, tasks and timers are Waterwheel's, by [`PollStream`], [`Executor`](net::hyper::Executor)
//! and [`Timer`](net::hyper::Timer). A connection that has not sent its request after five seconds is closed.

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{env, io};
use waterwheel::net::{self, PollStream, TcpListener, TcpStream};
use waterwheel::{JoinSet, Runtime, block_on, spawn};

const CONNECTIONS: usize = 10;
const REQUESTS: usize = 1_000;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = env::args().skip(1);
    let Some(address) = arguments.next() else {
        return block_on(show());
    };
    let workers = match arguments.next() {
        Some(number) => number.parse().map_err(|error| {
            format!("{number:?} is no number of workers ({error}); leave it out for one")
        })?,
        None => 1,
    };
    Runtime::builder()
        .worker_threads(workers)
        .build()?
        .block_on(async {
            let listener = TcpListener::bind(address.as_str()).await?;
            println!("listening on http://{}/", listener.local_addr()?);
            Ok(serve(listener).await?)
        })
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut http = server::Builder::new();
        http.timer(net::hyper::Timer::new())
            .header_read_timeout(Duration::from_secs(5));
        let connection = http.serve_connection(PollStream::new(stream), service_fn(answer));
        spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Water turns the wheel.\n")));
    if request.uri().path() != "/" {
        *response.body_mut() = Full::new(Bytes::from_static(b"There is only `/` here.\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

/// Ten clients, each with a connection of its own, ask a hundred times each.
async fn show() -> Result<(), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(serve(listener));
    println!("a server on http://{address}/");

    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        clients.spawn(ask(address, REQUESTS / CONNECTIONS));
    }
    let (mut answers, mut said) = (0, Bytes::new());
    while let Some(client) = clients.join_next().await {
        let (count, last) = client.expect("no panic")?;
        answers += count;
        said = last;
    }
    print!(
        "{answers} answers in {:.2?}, the last one: {}",
        began.elapsed(),
        String::from_utf8_lossy(&said)
    );
    assert_eq!(answers, REQUESTS);
    Ok(())
}

/// Asks over one connection, one request after the other; returns how many answers there were, and the last one.
async fn ask(
    address: SocketAddr,
    times: usize,
) -> Result<(usize, Bytes), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = client::handshake(PollStream::new(stream)).await?;
    let connection = spawn(connection);
    let mut last = Bytes::new();
    for _ in 0..times {
        let request = Request::get("/")
            .header("host", address.to_string())
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        assert_eq!(response.status(), StatusCode::OK);
        last = response.into_body().collect().await?.to_bytes();
    }
    drop(sender);
    connection.await??;
    Ok((times, last))
}
