//! Smol on one thread: its `block_on`, which turns the reactor while it waits, and a local executor for the tasks. Its
//! reactor has a thread of its own besides.

use super::{Buffered, Net, Relay, Spawn, borrowing_connections};
use smol::io::{AsyncReadExt, AsyncWriteExt, copy};
use smol::net::unix::UnixStream;
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer, future};
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream as StdUnixStream;
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
    type Unix = Buffered<UnixStream>;
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

    fn unix(stream: StdUnixStream, buffer: usize) -> io::Result<Self::Unix> {
        Ok(Buffered::new(stream.try_into()?, buffer))
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

impl Relay for Smol {
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
        future::try_zip(one_way(a.clone(), b.clone()), one_way(b, a))
            .await
            .map(drop)
    }
}

/// What comes from one to the other, and the end of it.
async fn one_way(from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    copy(from, &mut to).await?;
    to.shutdown(Shutdown::Write)
}

borrowing_connections!(TcpStream, UnixStream);
