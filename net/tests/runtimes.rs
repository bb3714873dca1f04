//! A socket belongs to no runtime for good: it may outlive one, and be used from several threads.

mod support;

use std::io::{self, IoSlice, IoSliceMut, Write};
use std::net::{self, IpAddr, Ipv4Addr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;
use support::{block_on, pair_with_std};
use waterwheel::net::{
    RecvBatch, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener,
    UnixStream, lookup_host,
};

#[test]
fn a_stream_outlives_its_runtime() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    for word in ["first", "second", "third"] {
        block_on(async {
            let mut buffer = [0; 16];
            let mut reading = ours.read(&mut buffer);
            assert!(futures_util::poll!(&mut reading).is_pending(), "{word}");
            theirs.write_all(word.as_bytes())?;
            assert_eq!(reading.await?, word.len());
            assert_eq!(&buffer[..word.len()], word.as_bytes());
            io::Result::Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_listener_outlives_its_runtime() -> io::Result<()> {
    let listener = block_on(TcpListener::bind("127.0.0.1:0"))?;
    for _ in 0..3 {
        block_on(async {
            let mut accepting = listener.accept();
            assert!(futures_util::poll!(&mut accepting).is_pending());
            let client = TcpStream::connect(listener.local_addr()?).await?;
            let (_, peer) = accepting.await?;
            assert_eq!(peer, client.local_addr()?);
            io::Result::Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_stream_moves_to_another_thread() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    block_on(async {
        assert!(futures_util::poll!(ours.read(&mut [0; 16])).is_pending());
    });
    let reader = thread::spawn(move || {
        block_on(async {
            let mut buffer = [0; 16];
            let count = ours.read(&mut buffer).await?;
            io::Result::Ok(buffer[..count].to_vec())
        })
    });
    theirs.write_all(b"over there")?;
    assert_eq!(reader.join().expect("the reader")?, b"over there");
    Ok(())
}

/// The stream is registered with one thread's reactor, and awaited on another's: the wake crosses.
#[test]
fn a_stream_is_awaited_on_another_thread_than_it_is_registered_on() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    let (done, mut tell) = pair_with_std()?;
    let ours = Arc::new(ours);
    block_on(async {
        assert!(futures_util::poll!(ours.read(&mut [0; 16])).is_pending());
        let remote = Arc::clone(&ours);
        let reader = thread::spawn(move || {
            block_on(async {
                let mut buffer = [0; 16];
                let mut reading = remote.read(&mut buffer);
                assert!(futures_util::poll!(&mut reading).is_pending());
                theirs.write_all(b"across")?;
                assert_eq!(reading.await?, 6);
                tell.write_all(b"!")
            })
        });
        assert_eq!(done.read(&mut [0; 16]).await?, 1);
        reader.join().expect("the reader")
    })
}

#[test]
fn outside_a_runtime_what_need_not_wait_needs_none() -> io::Result<()> {
    let (ours, mut theirs) = pair_with_std()?;
    assert_eq!(ours.try_write(b"out")?, 3);
    theirs.write_all(b"in")?;
    theirs.peek(&mut [0])?;
    let mut buffer = [0; 8];
    let nothing = loop {
        match ours.try_read(&mut buffer) {
            Ok(count) => assert_eq!(count, 2),
            Err(error) => break error,
        }
    };
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    Ok(())
}

/// One of each kind, from outside a runtime.
struct Sockets {
    listener: TcpListener,
    stream: TcpStream,
    unix_listener: UnixListener,
    unix: UnixStream,
    datagram: UnixDatagram,
    udp: UdpSocket,
}

#[test]
fn outside_a_runtime_the_panic_names_the_call_and_the_remedy() -> io::Result<()> {
    type Call = fn(&Sockets);
    let calls: [(&str, Call); 43] = [
        ("TcpListener::bind", |_| {
            poll(TcpListener::bind("127.0.0.1:0"))
        }),
        ("TcpListener::accept", |s| poll(s.listener.accept())),
        ("TcpStream::connect", |_| {
            poll(TcpStream::connect("127.0.0.1:9"))
        }),
        ("TcpStream::connect", |_| {
            poll(TcpStream::connect("localhost:9"))
        }),
        ("TcpStream::connect_timeout", |_| {
            poll(TcpStream::connect_timeout("127.0.0.1:9", LIMIT))
        }),
        ("TcpSocket::connect", |_| {
            let socket = TcpSocket::new_v4().expect("socket");
            poll(socket.connect(NOBODY))
        }),
        ("lookup_host", |_| poll(lookup_host("localhost:9"))),
        ("TcpStream::read", |s| poll(s.stream.read(&mut [0]))),
        ("TcpStream::read_exact", |s| {
            poll(s.stream.read_exact(&mut [0]))
        }),
        ("TcpStream::read_vectored", |s| {
            poll(s.stream.read_vectored(&mut [IoSliceMut::new(&mut [0])]));
        }),
        ("TcpStream::peek", |s| poll(s.stream.peek(&mut [0]))),
        ("TcpStream::readable", |s| poll(s.stream.readable())),
        ("TcpStream::writable", |s| poll(s.stream.writable())),
        ("TcpStream::write", |s| poll(s.stream.write(&CHUNK))),
        ("TcpStream::write_all", |s| poll(s.stream.write_all(&CHUNK))),
        ("TcpStream::write_vectored", |s| {
            poll(s.stream.write_vectored(&[IoSlice::new(&CHUNK)]));
        }),
        ("UnixListener::accept", |s| poll(s.unix_listener.accept())),
        ("UnixStream::connect", |_| {
            poll(UnixStream::connect("nowhere"))
        }),
        ("UnixStream::connect_addr", |s| {
            let address = s.unix_listener.local_addr().expect("getsockname");
            poll(UnixStream::connect_addr(&address))
        }),
        ("UnixStream::read", |s| poll(s.unix.read(&mut [0]))),
        ("UnixStream::read", |s| {
            poll(s.unix.split().0.read(&mut [0]))
        }),
        ("UnixStream::read_exact", |s| {
            poll(s.unix.read_exact(&mut [0]))
        }),
        ("UnixStream::read_vectored", |s| {
            poll(s.unix.read_vectored(&mut [IoSliceMut::new(&mut [0])]));
        }),
        ("UnixStream::peek", |s| poll(s.unix.peek(&mut [0]))),
        ("UnixStream::readable", |s| poll(s.unix.readable())),
        ("UnixStream::writable", |s| poll(s.unix.writable())),
        ("UnixStream::write", |s| poll(s.unix.write(&CHUNK))),
        ("UnixStream::write_all", |s| poll(s.unix.write_all(&CHUNK))),
        ("UnixStream::write_vectored", |s| {
            poll(s.unix.write_vectored(&[IoSlice::new(&CHUNK)]));
        }),
        ("UnixDatagram::recv", |s| poll(s.datagram.recv(&mut [0]))),
        ("UnixDatagram::peek_from", |s| {
            poll(s.datagram.peek_from(&mut [0]))
        }),
        ("UnixDatagram::send", |s| poll(s.datagram.send(b"!"))),
        ("UnixDatagram::send_to", |s| {
            poll(s.datagram.send_to(b"!", "nowhere"))
        }),
        ("UnixDatagram::writable", |s| poll(s.datagram.writable())),
        ("UdpSocket::bind", |_| poll(UdpSocket::bind("127.0.0.1:0"))),
        ("UdpSocket::connect", |s| poll(s.udp.connect("127.0.0.1:9"))),
        ("UdpSocket::recv", |s| poll(s.udp.recv(&mut [0]))),
        ("UdpSocket::peek", |s| poll(s.udp.peek(&mut [0]))),
        ("UdpSocket::recv_from", |s| poll(s.udp.recv_from(&mut [0]))),
        ("UdpSocket::peek_from", |s| poll(s.udp.peek_from(&mut [0]))),
        ("UdpSocket::readable", |s| poll(s.udp.readable())),
        ("UdpSocket::writable", |s| poll(s.udp.writable())),
        ("UdpSocket::recv_batch", |s| {
            poll(s.udp.recv_batch(&mut RecvBatch::new(2, 16)))
        }),
    ];
    let (stream, _theirs) = pair_with_std()?;
    let (unix, _theirs) = UnixStream::pair()?;
    let (datagram, _theirs) = UnixDatagram::pair()?;
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let name = format!("waterwheel-outside-{}", std::process::id());
    let sockets = Sockets {
        listener: TcpListener::from_std(listener)?,
        stream,
        unix_listener: UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?,
        unix,
        datagram,
        udp: UdpSocket::from_std(net::UdpSocket::bind("127.0.0.1:0")?)?,
    };
    for (name, call) in calls {
        // Again and again: a write has to wait only once the buffers are full.
        let until_it_waits = || (0..10_000).for_each(|_| call(&sockets));
        let panic = catch_unwind(AssertUnwindSafe(until_it_waits)).expect_err(name);
        let message = panic.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains(&format!("`{name}`")), "{message}");
        assert!(message.contains("waterwheel::block_on"), "{message}");
    }
    Ok(())
}

const LIMIT: Duration = Duration::from_secs(60);
const NOBODY: net::SocketAddr = net::SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
static CHUNK: [u8; 64 << 10] = [0; 64 << 10];

fn poll(future: impl Future) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = pin!(future).poll(&mut cx);
}
