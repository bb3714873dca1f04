//! The ways in which connecting ends.

mod support;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use support::block_on;
use waterwheel::net::{
    RecvBatch, SendBatch, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixStream,
    lookup_host,
};
use waterwheel::reactor::sys::socket;

/// A port where nobody listens, and nobody else can either while the socket lives.
fn nobody() -> io::Result<(OwnedFd, SocketAddr)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = socket::tcp_for(any)?;
    socket::bind(bound.as_fd(), &any)?;
    let address = socket::local_addr(bound.as_fd())?;
    Ok((bound, address))
}

#[test]
fn nobody_listening_is_connection_refused() -> io::Result<()> {
    block_on(async {
        let (_bound, address) = nobody()?;
        let error = TcpStream::connect(address).await.expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    })
}

#[test]
fn addresses_are_tried_in_turn_and_the_most_telling_error_told() -> io::Result<()> {
    block_on(async {
        let (_bound, refused) = nobody()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stream = TcpStream::connect(&[refused, address][..]).await?;
        assert_eq!(stream.peer_addr()?, address);

        let broadcast = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        let error = TcpStream::connect(&[broadcast, refused][..])
            .await
            .expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(&[refused, broadcast][..])
            .await
            .expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(&[][..]).await.expect_err("nowhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("TcpStream::connect"), "{error}");
        Ok(())
    })
}

#[test]
fn anything_that_names_an_address_will_do() -> io::Result<()> {
    block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        TcpStream::connect(address).await?;
        TcpStream::connect(address.to_string()).await?;
        TcpStream::connect(address.to_string().as_str()).await?;
        TcpStream::connect(("127.0.0.1", address.port())).await?;
        TcpStream::connect(("localhost", address.port())).await?;
        Ok(())
    })
}

#[test]
fn a_connected_stream_has_its_options() -> io::Result<()> {
    block_on(async {
        let (client, _server) = support::pair().await?;
        assert!(!client.nodelay()?, "the kernel's default");
        client.set_nodelay(true)?;
        assert!(client.nodelay()?);
        assert!(client.take_error()?.is_none());
        Ok(())
    })
}

/// Any task may be spawned that binds, connects, accepts, reads and writes.
#[test]
fn the_futures_are_send() {
    fn send<F: Future + Send>(_: F) {}
    send(TcpListener::bind("127.0.0.1:0"));
    send(TcpStream::connect("127.0.0.1:0"));
    send(TcpStream::connect("localhost:0".to_owned()));
    send(TcpStream::connect_timeout(("localhost", 0), Duration::MAX));
    send(lookup_host(&[][..]));
    send(UnixStream::connect("nowhere"));
    send(async {
        let (datagram, udp) = (
            UnixDatagram::unbound()?,
            UdpSocket::bind("localhost:0").await?,
        );
        datagram.send_to(b"!", "nowhere").await?;
        datagram.recv_from(&mut [0]).await?;
        udp.connect("localhost:0").await?;
        udp.recv_batch(&mut RecvBatch::new(1, 1)).await?;
        udp.send_batch(&mut SendBatch::new()).await
    });
    send(async {
        let address = UdpSocket::unbound_v4()?.local_addr()?;
        TcpSocket::new_v4()?.connect(address).await?;
        let (ours, theirs) = UnixStream::pair()?;
        let (reader, writer) = ours.into_split();
        writer.write_all(b"!").await?;
        reader.read(&mut [0]).await?;
        theirs.readable().await
    });
    send(async {
        let (client, server) = support::pair().await?;
        client.write_all(b"!").await?;
        server.read(&mut [0]).await?;
        server.readable().await
    });
}
