//! No call that sends or receives blocks its worker, whatever another holder of the descriptor has done to its mode.
//!
//! `O_NONBLOCK` belongs to the open file: whoever has a duplicate of the descriptor, in this process or in another, may
//! clear it. Here somebody has, before each call; and there is nothing to read, or no room to write.
//!
//! A table of every public function that reads, writes, sends or receives. One that is not in it fails the test.
//! Those that cannot be protected are named in `UNPROTECTED`, and in `docs/reliability.md`. That each call really has
//! the flag, those too that never wait on loopback, is checked where the C functions are ours: `tests/runtime_faults`.

mod support;

use futures_util::StreamExt;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read};
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use support::pair_with_std;
use waterwheel::net::{
    BufReader, Outbox, RecvBatch, SendBatch, TcpStream, UdpSocket, UnixDatagram, UnixStream,
    Watermarks, copy, copy_bidirectional, read_chunk,
};

/// Far more than a call takes that does not block.
const LONG: Duration = Duration::from_secs(60);

/// What goes by the descriptor's mode: the system call has no flag, or is made by the user.
const UNPROTECTED: &[&str] = &["send_file"];

type Case = Pin<Box<dyn Future<Output = io::Result<()>>>>;

type MakeCase = Box<dyn FnOnce() -> Case + Send>;

struct Table(Vec<(&'static str, MakeCase)>);

impl Table {
    fn add<F>(&mut self, name: &'static str, case: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = io::Result<()>> + 'static,
    {
        let case = move || Box::pin(case()) as Case;
        self.0.push((name, Box::new(case)));
    }
}

/// Another holder of the same open file clears `O_NONBLOCK`.
fn block(socket: &impl AsFd) {
    let other = socket.as_fd().try_clone_to_owned().expect("dup");
    std::net::TcpStream::from(other)
        .set_nonblocking(false)
        .expect("fcntl");
}

async fn pends<F: Future>(future: F)
where
    F::Output: Debug,
{
    let mut future = pin!(future);
    // Twice: the second time it is registered, and nothing has happened.
    for _ in 0..2 {
        if let Poll::Ready(output) = futures_util::poll!(&mut future) {
            panic!("it was ready: {output:?}");
        }
    }
}

fn would_block<T: Debug>(result: io::Result<T>) {
    let error = result.expect_err("it did something");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

const LARGE: &[u8] = &[7; 1 << 16];

fn tcp() -> io::Result<(TcpStream, std::net::TcpStream)> {
    pair_with_std()
}

fn unix() -> io::Result<(UnixStream, std::os::unix::net::UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Those of one family of streams. A stream has nothing to read, or is full, and then in blocking mode.
macro_rules! streams {
    ($table:ident, $pair:ident, $stream:literal) => {
        macro_rules! reads {
            ($name:expr, |$ours:ident, $buffer:ident| $case:expr) => {
                $table.add($name, || async {
                    let ($ours, _theirs) = $pair()?;
                    block(&$ours);
                    #[allow(unused_mut, unused_variables, reason = "some need none")]
                    let mut $buffer = [0_u8; 16];
                    $case;
                    Ok(())
                });
            };
        }
        macro_rules! writes {
            ($name:expr, |$ours:ident| $case:expr) => {
                $table.add($name, || async {
                    let ($ours, _theirs) = $pair()?;
                    while $ours.try_write(LARGE).is_ok() {}
                    block(&$ours);
                    // One that is not registered asks the kernel; one that is has cleared what it believed.
                    $case;
                    Ok(())
                });
            };
        }
        reads!(concat!($stream, "::read"), |s, b| pends(s.read(&mut b)).await);
        reads!(concat!($stream, "::read_vectored"), |s, b| {
            pends(s.read_vectored(&mut [IoSliceMut::new(&mut b)])).await
        });
        reads!(concat!($stream, "::read_exact"), |s, b| pends(s.read_exact(&mut b)).await);
        reads!(concat!($stream, "::peek"), |s, b| pends(s.peek(&mut b)).await);
        reads!(concat!($stream, "::try_read"), |s, b| would_block(s.try_read(&mut b)));
        reads!(concat!($stream, "::try_read_vectored"), |s, b| {
            would_block(s.try_read_vectored(&mut [IoSliceMut::new(&mut b)]))
        });
        reads!("ReadHalf::read", |s, b| pends(s.split().0.read(&mut b)).await);
        reads!("ReadHalf::read_vectored", |s, b| {
            pends(s.split().0.read_vectored(&mut [IoSliceMut::new(&mut b)])).await
        });
        reads!("ReadHalf::read_exact", |s, b| pends(s.split().0.read_exact(&mut b)).await);
        reads!("ReadHalf::peek", |s, b| pends(s.split().0.peek(&mut b)).await);
        reads!("ReadHalf::try_read", |s, b| would_block(s.split().0.try_read(&mut b)));
        reads!("OwnedReadHalf::read", |s, b| {
            let (reader, _writer) = s.into_split();
            pends(reader.read(&mut b)).await
        });
        reads!("OwnedReadHalf::read_vectored", |s, b| {
            let (reader, _writer) = s.into_split();
            pends(reader.read_vectored(&mut [IoSliceMut::new(&mut b)])).await
        });
        reads!("OwnedReadHalf::read_exact", |s, b| {
            let (reader, _writer) = s.into_split();
            pends(reader.read_exact(&mut b)).await
        });
        reads!("OwnedReadHalf::peek", |s, b| {
            let (reader, _writer) = s.into_split();
            pends(reader.peek(&mut b)).await
        });
        reads!("OwnedReadHalf::try_read", |s, b| {
            let (reader, _writer) = s.into_split();
            would_block(reader.try_read(&mut b))
        });
        reads!("BufReader::fill_buf", |s, b| pends(BufReader::new(s).fill_buf()).await);
        reads!("BufReader::read_until", |s, b| {
            pends(BufReader::new(s).read_until(0)).await
        });
        reads!("BufReader::read_line", |s, b| pends(BufReader::new(s).read_line()).await);
        reads!("BufReader::lines", |s, b| pends(BufReader::new(s).lines().next()).await);
        reads!("read_chunk", |s, b| {
            pends(read_chunk(&s, 16, |bytes| bytes.len())).await
        });
        // Neither comes to a splice while nothing has come.
        reads!("copy", |s, b| pends(copy(&s, &s)).await);
        reads!("copy_bidirectional", |s, b| pends(copy_bidirectional(&s, &s)).await);

        writes!(concat!($stream, "::write"), |s| pends(s.write(LARGE)).await);
        writes!(concat!($stream, "::write_vectored"), |s| {
            pends(s.write_vectored(&[IoSlice::new(LARGE), IoSlice::new(LARGE)])).await
        });
        writes!(concat!($stream, "::write_all"), |s| pends(s.write_all(LARGE)).await);
        writes!(concat!($stream, "::try_write"), |s| would_block(s.try_write(LARGE)));
        writes!(concat!($stream, "::try_write_vectored"), |s| {
            would_block(s.try_write_vectored(&[IoSlice::new(LARGE), IoSlice::new(LARGE)]))
        });
        writes!("WriteHalf::write", |s| pends(s.split().1.write(LARGE)).await);
        writes!("WriteHalf::write_vectored", |s| {
            pends(s.split().1.write_vectored(&[IoSlice::new(LARGE), IoSlice::new(LARGE)])).await
        });
        writes!("WriteHalf::write_all", |s| pends(s.split().1.write_all(LARGE)).await);
        writes!("WriteHalf::try_write", |s| would_block(s.split().1.try_write(LARGE)));
        writes!("OwnedWriteHalf::write", |s| pends(s.into_split().1.write(LARGE)).await);
        writes!("OwnedWriteHalf::write_vectored", |s| {
            let writer = s.into_split().1;
            pends(writer.write_vectored(&[IoSlice::new(LARGE), IoSlice::new(LARGE)])).await
        });
        writes!("OwnedWriteHalf::write_all", |s| {
            pends(s.into_split().1.write_all(LARGE)).await
        });
        writes!("OwnedWriteHalf::try_write", |s| {
            would_block(s.into_split().1.try_write(LARGE))
        });
        // Not filled before, so that the call itself must stop half-way.
        $table.add("Outbox::send", || async {
            let (ours, mut theirs) = $pair()?;
            block(&ours);
            let outbox = Outbox::with_watermarks(ours, Watermarks { low: 0, high: 1 });
            let mut sent: Vec<_> = (0..1000).map(|_| outbox.send(LARGE)).collect();
            pends(sent.last_mut().expect("many")).await;
            // Its waker writes what is queued, several messages a call, and must stop in the middle as well.
            let queued = outbox.queued_bytes();
            theirs.set_nonblocking(true)?;
            let mut gone = vec![0; 1 << 20];
            while outbox.queued_bytes() + (4 << 20) > queued {
                match theirs.read(&mut gone) {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                    _ => waterwheel::yield_now().await,
                }
            }
            pends(outbox.ready()).await;
            Ok(())
        });
    };
}

fn udp() -> io::Result<(UdpSocket, UdpSocket)> {
    let [ours, theirs] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0"));
    let (ours, theirs) = (ours?, theirs?);
    ours.connect(theirs.local_addr()?)?;
    theirs.connect(ours.local_addr()?)?;
    let ours = UdpSocket::from_std(ours)?;
    block(&ours);
    Ok((ours, UdpSocket::from_std(theirs)?))
}

fn of_udp(table: &mut Table) {
    macro_rules! case {
        ($name:literal, |$ours:ident, $theirs:ident, $buffer:ident| $case:expr) => {
            table.add(concat!("UdpSocket::", $name), || async {
                #[allow(unused_variables, reason = "some need but one")]
                let ($ours, $theirs) = udp()?;
                #[allow(unused_mut, unused_variables, reason = "some need none")]
                let mut $buffer = [0_u8; 16];
                $case;
                Ok(())
            });
        };
    }
    case!("recv", |s, t, b| pends(s.recv(&mut b)).await);
    case!("peek", |s, t, b| pends(s.peek(&mut b)).await);
    case!("recv_from", |s, t, b| pends(s.recv_from(&mut b)).await);
    case!("peek_from", |s, t, b| pends(s.peek_from(&mut b)).await);
    case!("try_recv", |s, t, b| would_block(s.try_recv(&mut b)));
    case!("try_recv_from", |s, t, b| would_block(
        s.try_recv_from(&mut b)
    ));
    case!("recv_batch", |s, t, b| {
        pends(s.recv_batch(&mut RecvBatch::new(4, 16))).await
    });
    // With room for more than there are.
    case!("recv_batch", |s, t, b| {
        t.send(b"one").await?;
        let mut batch = RecvBatch::new(4, 16);
        assert_eq!(s.recv_batch(&mut batch).await?, 1);
    });
    case!("try_recv_batch", |s, t, b| {
        would_block(s.try_recv_batch(&mut RecvBatch::new(4, 16)))
    });
    // A datagram to this machine always goes. That none of these waits by the mode is checked in `tests/runtime_faults`.
    case!("send", |s, t, b| s.send(b"x").await?);
    case!("send_to", |s, t, b| s
        .send_to(b"x", t.local_addr()?)
        .await?);
    case!("try_send", |s, t, b| s.try_send(b"x")?);
    case!("try_send_to", |s, t, b| s
        .try_send_to(b"x", t.local_addr()?)?);
    case!("send_batch", |s, t, b| {
        let mut batch = SendBatch::new();
        batch.push_connected(b"x");
        s.send_batch(&mut batch).await?
    });
    case!("try_send_batch", |s, t, b| {
        let mut batch = SendBatch::new();
        batch.push_connected(b"x");
        s.try_send_batch(&mut batch)?
    });
}

/// A socket whose peer's queue is full, and the peer, at a path.
fn full_datagram() -> io::Result<(UnixDatagram, UnixDatagram, PathBuf)> {
    let number = thread::current().id();
    let name = format!("waterwheel-blocking-{}-{number:?}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = fs::remove_file(&path);
    let theirs = UnixDatagram::bind(&path)?;
    let ours = UnixDatagram::unbound()?;
    ours.connect(&path)?;
    while ours.try_send(b"x").is_ok() {}
    block(&ours);
    Ok((ours, theirs, path))
}

fn of_unix_datagrams(table: &mut Table) {
    macro_rules! reads {
        ($name:literal, |$ours:ident, $buffer:ident| $case:expr) => {
            table.add(concat!("UnixDatagram::", $name), || async {
                let ($ours, _theirs) = UnixDatagram::pair()?;
                block(&$ours);
                let mut $buffer = [0_u8; 16];
                $case;
                Ok(())
            });
        };
    }
    macro_rules! writes {
        ($name:literal, |$ours:ident, $path:ident| $case:expr) => {
            table.add(concat!("UnixDatagram::", $name), || async {
                let ($ours, _theirs, $path) = full_datagram()?;
                $case;
                fs::remove_file(&$path)
            });
        };
    }
    reads!("recv", |s, b| pends(s.recv(&mut b)).await);
    reads!("peek", |s, b| pends(s.peek(&mut b)).await);
    reads!("recv_from", |s, b| pends(s.recv_from(&mut b)).await);
    reads!("peek_from", |s, b| pends(s.peek_from(&mut b)).await);
    reads!("try_recv", |s, b| would_block(s.try_recv(&mut b)));
    reads!("try_recv_from", |s, b| would_block(s.try_recv_from(&mut b)));
    writes!("send", |s, path| pends(s.send(b"x")).await);
    writes!("try_send", |s, path| would_block(s.try_send(b"x")));
    writes!("send_to", |s, path| pends(s.send_to(b"x", &path)).await);
    writes!("send_to_addr", |s, path| {
        pends(s.send_to_addr(b"x", &SocketAddr::from_pathname(&path)?)).await
    });
    writes!("try_send_to", |s, path| would_block(
        s.try_send_to(b"x", &path)
    ));
    writes!("try_send_to_addr", |s, path| {
        would_block(s.try_send_to_addr(b"x", &SocketAddr::from_pathname(&path)?))
    });
}

#[cfg(feature = "futures-io")]
fn of_poll_streams(table: &mut Table) {
    use futures_util::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
    use waterwheel::net::PollStream;

    macro_rules! case {
        ($name:literal, |$ours:ident| $case:expr) => {
            table.add(concat!("PollStream::", $name), || async {
                let (ours, _theirs) = tcp()?;
                while ours.try_write(LARGE).is_ok() {}
                block(&ours);
                let mut $ours = PollStream::new(ours);
                $case;
                Ok(())
            });
        };
    }
    case!("poll_read", |s| pends(s.read(&mut [0; 16])).await);
    case!("poll_fill_buf", |s| pends(s.fill_buf()).await);
    case!("poll_write", |s| pends(s.write(LARGE)).await);
    case!("poll_write_vectored", |s| {
        pends(s.write_vectored(&[IoSlice::new(LARGE), IoSlice::new(LARGE)])).await
    });
}

fn table() -> Table {
    let mut table = Table(Vec::new());
    streams!(table, tcp, "TcpStream");
    streams!(table, unix, "UnixStream");
    of_udp(&mut table);
    of_unix_datagrams(&mut table);
    #[cfg(feature = "futures-io")]
    of_poll_streams(&mut table);
    table
}

/// Each on a thread of its own: one that blocks is told, not waited for.
#[test]
fn no_call_blocks_when_another_holder_clears_the_mode() {
    for (name, case) in table().0 {
        let (done, is_done) = channel();
        let thread = thread::spawn(move || {
            let ended = waterwheel::block_on(case());
            // Nobody listens once this was late.
            let _ = done.send(());
            ended
        });
        if let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(LONG) {
            panic!("`{name}` blocks its thread");
        }
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => panic!("`{name}`: {error}"),
            Err(_) => panic!("`{name}` has panicked, as told before"),
        }
    }
}

/// The functions of `net` that by their names read, write, send or receive, as `Type::name`.
fn public_functions(folder: &Path, functions: &mut BTreeSet<String>) {
    const WORDS: [&str; 8] = [
        "read", "write", "recv", "send", "peek", "fill", "lines", "copy",
    ];
    for entry in fs::read_dir(folder).expect("the sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            public_functions(&path, functions);
            continue;
        }
        let mut of = None;
        for line in fs::read_to_string(&path).expect("a source").lines() {
            let is_function = [
                "pub fn ",
                "pub async fn ",
                "    pub fn ",
                "    pub async fn ",
            ]
            .into_iter()
            .find_map(|start| line.strip_prefix(start));
            if line.starts_with("impl") {
                // Of a trait, what is public is the trait's.
                of = (!line.contains(" for ")).then(|| type_of(line));
            } else if line.starts_with('}') {
                of = None;
            } else if let Some(rest) = is_function {
                let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
                let name = &rest[..end.expect("a function has parameters")];
                let first = name.trim_start_matches("try_").split('_').next();
                if !WORDS.contains(&first.expect("a name")) {
                    continue;
                }
                match &of {
                    Some(of) => functions.insert(format!("{of}::{name}")),
                    None if line.starts_with("pub") => functions.insert(name.to_owned()),
                    // A macro's.
                    None => false,
                };
            }
        }
    }
}

/// Of `impl<'a, S: StreamSocket> ReadHalf<'a, S> {`, the name.
fn type_of(line: &str) -> String {
    let mut depth = 0;
    let mut name = String::new();
    for character in line["impl".len()..].chars() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            ' ' if name.is_empty() => {}
            _ if depth > 0 => {}
            _ if character.is_alphanumeric() => name.push(character),
            _ => break,
        }
    }
    name
}

#[test]
fn every_call_is_in_the_table() {
    let mut functions = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    public_functions(&sources, &mut functions);
    assert!(functions.len() > 60, "{} were found", functions.len());
    let names: BTreeSet<&str> = table().0.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = functions
        .iter()
        .map(String::as_str)
        .filter(|name| !names.contains(name) && !UNPROTECTED.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "these are not in the table, so nobody knows whether they block: {missing:?}"
    );
}
