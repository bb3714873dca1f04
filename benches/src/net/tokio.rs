//! Tokio's current-thread runtime; and the same with a `LocalSet`, whose tasks need not be `Send`.

use super::{Buffered, Net, Relay, Spawn, borrowing_connections};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

pub(crate) type Tokio = CurrentThread<false>;

pub(crate) type TokioLocalSet = CurrentThread<true>;

pub(crate) struct CurrentThread<const LOCAL_SET: bool>;

impl<const LOCAL_SET: bool> Net for CurrentThread<LOCAL_SET> {
    const NAME: &'static str = match LOCAL_SET {
        false => "tokio",
        true => "tokio LocalSet",
    };

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Unix = Buffered<UnixStream>;
    type Elapsed = tokio::time::error::Elapsed;

    fn block_on<F: Future>(main: F) -> F::Output {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        if LOCAL_SET {
            LocalSet::new().block_on(&runtime, main)
        } else {
            runtime.block_on(main)
        }
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    async fn accept(listener: &TcpListener, buffer: usize) -> io::Result<Self::Tcp> {
        let (stream, _) = listener.accept().await?;
        Ok(Buffered::new(stream, buffer))
    }

    fn unix(stream: StdUnixStream, buffer: usize) -> io::Result<Self::Unix> {
        Ok(Buffered::new(UnixStream::from_std(stream)?, buffer))
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

impl<F: Future<Output = ()> + 'static> Spawn<F> for TokioLocalSet {
    fn spawn(task: F) {
        drop(tokio::task::spawn_local(task));
    }
}

impl Relay for Tokio {
    type Stream = TcpStream;

    async fn accept_stream(listener: &TcpListener) -> io::Result<TcpStream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn relay(mut a: TcpStream, mut b: TcpStream) -> io::Result<()> {
        copy_bidirectional(&mut a, &mut b).await.map(drop)
    }
}

borrowing_connections!(TcpStream, UnixStream);
