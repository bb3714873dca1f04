//! Tokio's current-thread runtime; and the same with a `LocalSet`, whose tasks need not be `Send`.

use super::{Buffered, Connection, Net, Spawn};
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

pub(crate) struct Tokio;

pub(crate) struct TokioLocalSet;

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

async fn accept(listener: &TcpListener, buffer: usize) -> io::Result<Buffered<TcpStream>> {
    let (stream, _) = listener.accept().await?;
    Ok(Buffered::new(stream, buffer))
}

impl Net for Tokio {
    const NAME: &'static str = "tokio";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Elapsed = tokio::time::error::Elapsed;

    fn block_on<F: Future>(main: F) -> F::Output {
        runtime().block_on(main)
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    async fn accept(listener: &TcpListener, buffer: usize) -> io::Result<Self::Tcp> {
        accept(listener, buffer).await
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        tokio::time::timeout(limit, future)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Tokio {
    fn spawn(task: F) {
        drop(tokio::spawn(task));
    }
}

impl Net for TokioLocalSet {
    const NAME: &'static str = "tokio LocalSet";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Elapsed = tokio::time::error::Elapsed;

    fn block_on<F: Future>(main: F) -> F::Output {
        LocalSet::new().block_on(&runtime(), main)
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    async fn accept(listener: &TcpListener, buffer: usize) -> io::Result<Self::Tcp> {
        accept(listener, buffer).await
    }

    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> {
        tokio::time::timeout(limit, future)
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for TokioLocalSet {
    fn spawn(task: F) {
        drop(tokio::task::spawn_local(task));
    }
}

impl Connection for Buffered<TcpStream> {
    fn read(&mut self) -> impl Future<Output = io::Result<usize>> {
        self.stream.read(&mut self.buffer)
    }

    fn write_all(&mut self, count: usize) -> impl Future<Output = io::Result<()>> {
        self.stream.write_all(&self.buffer[..count])
    }
}
