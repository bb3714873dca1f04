//! Smol on one thread: its `block_on`, which turns the reactor while it waits, and a local executor for the tasks. Its
//! reactor has a thread of its own besides.

use super::{Buffered, Connection, Net, Spawn};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer, future};
use std::future::Future;
use std::io;
use std::time::Duration;

pub(crate) struct Smol;

thread_local! {
    /// One a thread: the trait has nothing to carry it in.
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::default());
}

impl Net for Smol {
    const NAME: &'static str = "smol";

    type Listener = TcpListener;
    type Tcp = Buffered<TcpStream>;
    type Elapsed = ();

    fn block_on<F: Future>(main: F) -> F::Output {
        smol::block_on(EXECUTOR.with(|executor| executor.run(main)))
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.try_into()
    }

    async fn accept(listener: &TcpListener, buffer: usize) -> io::Result<Self::Tcp> {
        let (stream, _) = listener.accept().await?;
        Ok(Buffered::new(stream, buffer))
    }

    /// Smol has none; this is how its users write it.
    fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, ()>> {
        let out_of_time = async move {
            Timer::after(limit).await;
            Err(())
        };
        future::or(async { Ok(future.await) }, out_of_time)
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for Smol {
    fn spawn(task: F) {
        EXECUTOR.with(|executor| executor.spawn(task)).detach();
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
