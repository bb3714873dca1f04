//! Futures of `net`: sockets of all families.

use super::{Row, row};
use futures_util::StreamExt;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream as StdUnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use waterwheel::net::{
    RecvBatch, SendBatch, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener,
    lookup_host,
};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// An abstract name that nobody else has.
pub(super) fn name() -> UnixAddr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    UnixAddr::from_abstract_name(format!("waterwheel-budget-{process}-{number}")).expect("a name")
}

/// A listener to which somebody connects, and whose queue is short.
fn unix_listener() -> (UnixListener, UnixAddr) {
    let name = name();
    (UnixListener::bind_addr(&name).expect("a listener"), name)
}

/// A port that is taken, and where nobody listens.
fn deaf_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(ANY.into()).expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// A socket that sends to itself.
async fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANY).await.expect("a socket");
    let address = socket.local_addr().expect("an address");
    socket.connect(address).await.expect("to itself");
    (socket, address)
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!(Ready, "net::TcpListener::bind", "to any port", {
            TcpListener::bind(ANY).await.expect("a port");
        }),
        row!(
            Ready,
            "net::TcpListener::bind",
            "to an address that is not ours",
            {
                TcpListener::bind("192.0.2.1:1").await.unwrap_err();
            }
        ),
        row!(Ready, "net::TcpListener::bind", "to what is no address", {
            TcpListener::bind("nothing").await.unwrap_err();
        }),
        row!(
            Ready,
            "net::TcpListener::bind",
            "to none of no addresses",
            {
                TcpListener::bind(&[] as &[SocketAddr]).await.unwrap_err();
            }
        ),
        row!(
            Waits,
            "net::TcpStream::connect",
            "where nobody listens",
            {
                let (_deaf, address) = deaf_port();
            },
            {
                TcpStream::connect(address).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::TcpStream::connect",
            "to an address that cannot be",
            {
                TcpStream::connect("255.255.255.255:1").await.unwrap_err();
            }
        ),
        row!(Ready, "net::TcpStream::connect", "to what is no address", {
            TcpStream::connect("nothing").await.unwrap_err();
        }),
        row!(
            Ready,
            "net::TcpStream::connect_timeout",
            "to an address that cannot be",
            {
                TcpStream::connect_timeout("255.255.255.255:1", Duration::from_secs(60))
                    .await
                    .unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::TcpStream::connect_timeout",
            "in no time",
            {
                let (_deaf, address) = deaf_port();
            },
            {
                TcpStream::connect_timeout(address, Duration::ZERO)
                    .await
                    .unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::TcpSocket::connect",
            "to an address that cannot be",
            {
                let socket = TcpSocket::new_v4().expect("a socket");
                socket
                    .connect("255.255.255.255:1".parse().expect("an address"))
                    .await
                    .unwrap_err();
            }
        ),
        row!(Ready, "net::UdpSocket::bind", "to any port", {
            UdpSocket::bind(ANY).await.expect("a port");
        }),
        row!(
            Ready,
            "net::UdpSocket::connect",
            "again and again",
            {
                let (socket, address) = udp().await;
            },
            {
                socket.connect(address).await.expect("to itself");
            }
        ),
        row!(Ready, "net::UnixStream::connect", "where nothing is", {
            waterwheel::net::UnixStream::connect("/nothing/is/here")
                .await
                .unwrap_err();
        }),
        row!(Ready, "net::UnixStream::connect", "to what is no path", {
            waterwheel::net::UnixStream::connect("x".repeat(200))
                .await
                .unwrap_err();
        }),
        row!(
            Ready,
            "net::UnixStream::connect_addr",
            "where nobody listens",
            {
                let name = name();
            },
            {
                waterwheel::net::UnixStream::connect_addr(&name)
                    .await
                    .unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::UnixStream::connect_addr",
            "where somebody accepts at once",
            {
                let (listener, name) = unix_listener();
            },
            {
                waterwheel::net::UnixStream::connect_addr(&name)
                    .await
                    .expect("room in the queue");
                listener.accept().await.expect("it is there");
            }
        ),
        row!(Ready, "net::lookup_host", "an address", {
            lookup_host("127.0.0.1:80").await.expect("an address");
        }),
        row!(Ready, "net::lookup_host", "what is no address", {
            lookup_host("nothing").await.unwrap_err();
        }),
        row!(
            Ready,
            "Future for net::Accept",
            "somebody is there",
            {
                let (listener, name) = unix_listener();
            },
            {
                let _client = StdUnixStream::connect_addr(&name).expect("room in the queue");
                listener.accept().await.expect("it is there");
            }
        ),
        row!(
            Ready,
            "Stream for net::Incoming",
            "somebody is there",
            {
                let (listener, name) = unix_listener();
                let mut incoming = listener.incoming();
            },
            {
                let _client = StdUnixStream::connect_addr(&name).expect("room in the queue");
                incoming.next().await.expect("no end").expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::Readable",
            "what has come is left",
            {
                let (socket, _) = udp().await;
                socket.send(b"x").await.expect("room");
            },
            {
                socket.readable().await.expect("readable");
            }
        ),
        row!(
            Ready,
            "Future for net::Writable",
            "there is room",
            {
                let (socket, _) = udp().await;
            },
            {
                socket.writable().await.expect("writable");
            }
        ),
        row!(
            Ready,
            "Future for net::SendDatagram",
            "of nothing",
            {
                let (socket, _) = udp().await;
            },
            {
                socket
                    .send(&[])
                    .await
                    .expect("sent, or dropped for want of room");
            }
        ),
        row!(
            Ready,
            "Future for net::SendTo",
            "of nothing",
            {
                let (socket, to) = udp().await;
            },
            {
                socket
                    .send_to(&[], to)
                    .await
                    .expect("sent, or dropped for want of room");
            }
        ),
        row!(
            Ready,
            "Future for net::RecvDatagram",
            "to no buffer",
            {
                let (a, b) = UnixDatagram::pair().expect("a pair");
            },
            {
                a.try_send(b"x").expect("room");
                b.recv(&mut []).await.expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::RecvDatagram",
            "what has come is left",
            {
                let (a, b) = UnixDatagram::pair().expect("a pair");
                a.try_send(b"x").expect("room");
            },
            {
                b.peek(&mut [0]).await.expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::RecvFrom",
            "to no buffer",
            {
                let (a, b) = UnixDatagram::pair().expect("a pair");
            },
            {
                a.try_send(b"x").expect("room");
                b.recv_from(&mut []).await.expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::SendMany",
            "of nothing",
            {
                let (socket, _) = udp().await;
            },
            {
                socket
                    .send_batch(&mut SendBatch::new())
                    .await
                    .expect("nothing to send");
            }
        ),
        row!(
            Ready,
            "Future for net::SendMany",
            "of what has been sent",
            {
                let (socket, to) = udp().await;
                let mut batch = SendBatch::new();
                batch.push(b"x", to);
            },
            {
                socket.send_batch(&mut batch).await.expect("room");
            }
        ),
        row!(
            Ready,
            "Future for net::RecvMany",
            "one is there",
            {
                let (socket, to) = udp().await;
                let mut batch = RecvBatch::new(8, 8);
            },
            {
                socket.try_send_to(b"x", to).expect("room");
                assert!(socket.recv_batch(&mut batch).await.expect("it is there") > 0);
            }
        ),
        row!(
            Ready,
            "net::UnixDatagram::send_to_addr",
            "where nobody is",
            {
                let (socket, name) = (UnixDatagram::unbound().expect("a socket"), name());
            },
            {
                socket.send_to_addr(b"x", &name).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::UnixDatagram::send_to_addr",
            "to who takes it at once",
            {
                let name = name();
                let there = UnixDatagram::bind_addr(&name).expect("a socket");
                let socket = UnixDatagram::unbound().expect("a socket");
            },
            {
                socket.send_to_addr(b"x", &name).await.expect("room");
                there.try_recv(&mut [0]).expect("it is there");
            }
        ),
        row!(
            Ready,
            "net::UnixDatagram::send_to",
            "where nothing is",
            {
                let socket = UnixDatagram::unbound().expect("a socket");
            },
            {
                socket.send_to(b"x", "/nothing/is/here").await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "net::UnixDatagram::send_to",
            "to what is no path",
            {
                let socket = UnixDatagram::unbound().expect("a socket");
            },
            {
                socket.send_to(b"x", "x".repeat(200)).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "Future for net::WriteVectored",
            "of nothing",
            {
                let (a, _b) = waterwheel::net::UnixStream::pair().expect("a pair");
            },
            {
                assert_eq!(
                    a.write_vectored(&[IoSlice::new(&[])])
                        .await
                        .expect("nothing to send"),
                    0
                );
            }
        ),
    ]
}
