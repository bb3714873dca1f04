//! Monoio on its epoll driver, with its timers.

use super::{Buffered, Connection, Net, Spawn};
use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::time::TimeDriver;
use monoio::{LegacyDriver, RuntimeBuilder};
use std::future::Future;
use std::io;
use std::mem::take;
use std::time::Duration;

pub(crate) struct Monoio;

impl Net for Monoio {
    const NAME: &'static str = "monoio";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
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

impl Connection for Buffered<TcpStream> {
    async fn read(&mut self) -> io::Result<usize> {
        let (read, buffer) = self.stream.read(take(&mut self.buffer).slice_mut(..)).await;
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
