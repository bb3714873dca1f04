//! Waterwheel, by its plain `block_on`.

use super::{Buffered, Net, Relay, Spawn, borrowing_connections};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;
use waterwheel::net::{TcpListener, TcpStream, UnixStream, copy_bidirectional};

pub(crate) struct Waterwheel;

impl Net for Waterwheel {
    const NAME: &'static str = "waterwheel";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Unix = Buffered<UnixStream>;
    type Elapsed = waterwheel::time::Elapsed;

    fn block_on<F: Future>(main: F) -> F::Output {
        waterwheel::block_on(main)
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
        waterwheel::timeout(limit, future)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Waterwheel {
    fn spawn(task: F) {
        drop(waterwheel::spawn(task));
    }
}

impl Relay for Waterwheel {
    type Stream = TcpStream;

    async fn accept_stream(listener: &TcpListener) -> io::Result<TcpStream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn relay(a: TcpStream, b: TcpStream) -> io::Result<()> {
        copy_bidirectional(&a, &b).await.map(drop)
    }
}

borrowing_connections!(TcpStream, UnixStream);
