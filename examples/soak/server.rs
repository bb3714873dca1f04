//! The echo server that all clients talk to in the end.

use crate::tally::{Tally, count};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use waterwheel::net::{ServeOptions, Server, TcpListener, TcpStream, serve};
use waterwheel::time::IdleTimeout;

/// Echoes, until the peer ends or has been silent for `limit`.
pub(crate) async fn echo(stream: TcpStream, limit: Duration) -> io::Result<()> {
    let mut idle = IdleTimeout::new(limit);
    let mut buffer = [0; 1024];
    loop {
        match idle.watch(stream.read(&mut buffer)).await?? {
            0 => return Ok(()),
            count => idle.watch(stream.write_all(&buffer[..count])).await??,
        }
    }
}

/// Serves echo on a port of its own. `name` is for the errors.
pub(crate) async fn start(
    tally: &Arc<Tally>,
    name: &'static str,
    limit: Duration,
) -> io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let theirs = Arc::clone(tally);
    let options = ServeOptions::new().on_error(move |_, error| theirs.error(name, error));
    let served = tally.counter("connections served");
    let server = serve(listener, options, move |stream, _| {
        count(&served);
        echo(stream, limit)
    });
    Ok((server, address))
}
