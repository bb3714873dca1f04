//! Waterwheel, by its plain `block_on`.

use super::{Buffered, Connection, Net, Spawn};
use std::future::Future;
use std::io;
use std::time::Duration;
use waterwheel::net::{TcpListener, TcpStream};

pub(crate) struct Waterwheel;

impl Net for Waterwheel {
    const NAME: &'static str = "waterwheel";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Elapsed = waterwheel::timer::Elapsed;

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

impl Connection for Buffered<TcpStream> {
    fn read(&mut self) -> impl Future<Output = io::Result<usize>> {
        self.stream.read(&mut self.buffer)
    }

    fn write_all(&mut self, count: usize) -> impl Future<Output = io::Result<()>> {
        self.stream.write_all(&self.buffer[..count])
    }
}
