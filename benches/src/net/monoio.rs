//! Monoio on its epoll driver, with its timers.

use super::{Buffered, Connection, Net, Relay, Spawn};
use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt, Splitable, copy};
use monoio::net::{TcpListener, TcpStream, UnixStream};
use monoio::time::TimeDriver;
use monoio::{LegacyDriver, RuntimeBuilder};
use std::future::Future;
use std::io;
use std::mem::take;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

pub(crate) struct Monoio;

impl Net for Monoio {
    const NAME: &'static str = "monoio";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Unix = Buffered<UnixStream>;
    type Elapsed = monoio::time::error::Elapsed;

    fn block_on<F: Future>(main: F) -> F::Output {
        let builder: RuntimeBuilder<TimeDriver<LegacyDriver>> =
            RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        builder.build().expect("a runtime").block_on(main)
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
        monoio::time::timeout(limit, future)
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for Monoio {
    fn spawn(task: F) {
        drop(monoio::spawn(task));
    }
}

impl Relay for Monoio {
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
        let (mut from_a, mut to_a) = a.into_split();
        let (mut from_b, mut to_b) = b.into_split();
        let there = async {
            copy(&mut from_a, &mut to_b).await?;
            to_b.shutdown().await
        };
        let back = async {
            copy(&mut from_b, &mut to_a).await?;
            to_a.shutdown().await
        };
        monoio::try_join!(there, back).map(drop)
    }
}

/// It borrows no buffer, and is lent that of the connection while it reads or writes.
macro_rules! lending_connections {
    ($($stream:ty),*) => {$(
        impl Connection for Buffered<$stream> {
            async fn read(&mut self) -> io::Result<usize> {
                let buffer = take(&mut self.buffer).slice_mut(..);
                let (read, buffer) = self.stream.read(buffer).await;
                self.buffer = buffer.into_inner();
                read
            }

            async fn write_all(&mut self, count: usize) -> io::Result<()> {
                let bytes = take(&mut self.buffer).slice(..count);
                let (written, bytes) = self.stream.write_all(bytes).await;
                self.buffer = bytes.into_inner();
                written.map(drop)
            }
        }
    )*};
}

lending_connections!(TcpStream, UnixStream);
