//! Urgent data (`MSG_OOB`) is neither an end nor a wall: whatever comes behind it is read, and relayed.
//!
//! A read stops in front of an urgent byte, short of what has come; `splice(2)` stops there for good, and says `EAGAIN`, or
//! 0 as if the stream had ended.
//!
//! Urgent bytes are `0xff` here, and no other byte is. One that is overtaken by the next is an ordinary byte of the stream
//! (RFC 6093, 3.1), so how many of them come through depends on timing; that all others do, does not.

mod support;

use futures_util::future::Either;
use std::future::Future;
use std::io::{self, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use support::{Random, block_on};
use waterwheel::net::{
    BufReader, StreamSocket, TcpListener, TcpSocket, TcpStream, UnixStream, copy,
    copy_bidirectional, read_chunk,
};
use waterwheel::{spawn, spawn_blocking, timeout, yield_now};

const SEED: u64 = 0x0006_4500_09e4_7001;
const URGENT: u8 = 0xff;

/// Far more than any of this takes. A stream that hangs, hangs longer.
const LONG: Duration = Duration::from_secs(60);

/// What a peer sends: so many ordinary bytes, or an urgent one.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Bytes(usize),
    Urgent,
}

use Piece::{Bytes, Urgent as U};

const MIB: usize = 1 << 20;

/// The end comes right after the last piece.
const LAYOUTS: &[&[Piece]] = &[
    &[U],
    &[Bytes(6), U],
    &[U, Bytes(6)],
    &[Bytes(6), U, Bytes(6)],
    &[Bytes(6), U, U, Bytes(6), U, Bytes(1), U],
    &[Bytes(64 << 10), U, Bytes(64 << 10), U, Bytes(64 << 10)],
    &[Bytes(MIB), U, Bytes(10_000)],
    &[Bytes(4 * MIB), U, Bytes(10_000)],
    &[Bytes(4 * MIB), U, Bytes(4 * MIB)],
    &[Bytes(4 * MIB), U],
    &[U, Bytes(4 * MIB)],
    &[
        Bytes(MIB),
        U,
        Bytes(MIB),
        U,
        Bytes(70_000),
        U,
        U,
        Bytes(MIB),
        U,
    ],
];

/// So many of them are short.
const SHORT: usize = 7;

/// A socket of the test's own, which blocks.
trait Peer: Read + Write + AsFd + Send + Sized + 'static {
    fn again(&self) -> io::Result<Self>;
    fn end(&self) -> io::Result<()>;
}

impl Peer for std::net::TcpStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Peer for std::os::unix::net::UnixStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

fn send_urgent(to: &impl AsFd) -> io::Result<()> {
    let (fd, byte) = (to.as_fd().as_raw_fd(), URGENT);
    // SAFETY: one readable byte, which lives through the call.
    match unsafe {
        libc::send(
            fd,
            (&raw const byte).cast(),
            1,
            libc::MSG_OOB | libc::MSG_NOSIGNAL,
        )
    } {
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn keep_urgent_in_line(of: &impl AsFd) {
    let on: libc::c_int = 1;
    // SAFETY: a pointer to an integer, and its length.
    let set = unsafe {
        libc::setsockopt(
            of.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_OOBINLINE,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

/// Random bytes of which none is urgent, as many as any piece has and some more. Made once: it takes its time.
fn ordinary_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut bytes = Random(SEED).bytes(4 * MIB + 1000);
        bytes.iter_mut().for_each(|byte| *byte &= 0x7f);
        bytes
    })
}

/// Sends a layout, and then the end. Returns the ordinary bytes.
fn send_layout(mut to: impl Peer, layout: &[Piece]) -> io::Result<Vec<u8>> {
    let mut sent = Vec::new();
    for piece in layout {
        match *piece {
            Bytes(count) => {
                // Each piece begins elsewhere, so that none can stand for another.
                let bytes = &ordinary_bytes()[sent.len() % 1000..][..count];
                to.write_all(bytes)?;
                sent.extend_from_slice(bytes);
            }
            U => send_urgent(&to)?,
        }
    }
    to.end()?;
    Ok(sent)
}

fn urgent_in(layout: &[Piece]) -> usize {
    layout.iter().filter(|piece| matches!(piece, U)).count()
}

/// `received` is what was sent; of the urgent bytes there may be all, or fewer.
fn assert_all(received: &[u8], sent: &[u8], layout: &[Piece], in_line: bool, what: &str) {
    let mut ordinary = received.to_vec();
    ordinary.retain(|&byte| byte != URGENT);
    assert_eq!(ordinary.len(), sent.len(), "{what}, {layout:?}");
    assert!(ordinary == sent, "{what}, {layout:?}, seed {SEED:#x}");
    let urgent = received.len() - ordinary.len();
    if in_line {
        assert_eq!(urgent, urgent_in(layout), "{what}, {layout:?}");
    } else {
        assert!(urgent <= urgent_in(layout), "{what}, {layout:?}");
    }
}

fn unix_pair() -> io::Result<(UnixStream, std::os::unix::net::UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Kernels before 5.15, and some since, have no urgent data in Unix streams.
fn unix_has_urgent_data() -> bool {
    let (_ours, theirs) = unix_pair().expect("socketpair");
    send_urgent(&theirs).is_ok()
}

/// A connection with little room in the kernel, or with as much as usual.
async fn tcp_pair(small: bool) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let socket = TcpSocket::new_v4()?;
    if small {
        // What is accepted inherits it.
        socket.set_recv_buffer_size(4096)?;
    }
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener: TcpListener = socket.listen(8)?;
    let theirs = std::net::TcpStream::connect(listener.local_addr()?)?;
    theirs.set_nodelay(true)?;
    let (ours, _) = listener.accept().await?;
    if small {
        ours.set_send_buffer_size(4096)?;
    }
    Ok((ours, theirs))
}

async fn within<F: Future>(what: &str, layout: &[Piece], future: F) -> F::Output {
    let limited = timeout(LONG, future).await;
    limited.unwrap_or_else(|_| panic!("{what}, {layout:?}: it hangs"))
}

/// Relays one layout from the client to the server, and another the other way.
async fn relayed<S: StreamSocket, P: Peer>(
    what: &str,
    [(front, client), (back, server)]: [(S, P); 2],
    [there, back_again]: [&'static [Piece]; 2],
    in_line: bool,
) -> io::Result<()> {
    if in_line {
        keep_urgent_in_line(&front);
        keep_urgent_in_line(&back);
    }
    let relay = spawn(async move { copy_bidirectional(&front, &back).await });
    let sent = [(client.again()?, there), (server.again()?, back_again)]
        .map(|(to, layout)| spawn_blocking(move || send_layout(to, layout).expect("sent")));
    let received = [server, client].map(|mut from| {
        spawn_blocking(move || {
            let mut all = Vec::new();
            from.read_to_end(&mut all).map(|_| all).expect("received")
        })
    });
    let counts = within(what, there, relay).await.expect("no panic")?;
    let mut lengths = Vec::new();
    for ((sent, received), layout) in sent.into_iter().zip(received).zip([there, back_again]) {
        let sent = within(what, layout, sent).await.expect("no panic");
        let received = within(what, layout, received).await.expect("no panic");
        assert_all(&received, &sent, layout, in_line, what);
        lengths.push(received.len() as u64);
    }
    assert_eq!([counts.0, counts.1], *lengths, "{what}, {there:?}");
    Ok(())
}

/// Pitfall: `splice` at a TCP urgent mark says EAGAIN for ever, or 0 as if the stream had ended: a relay hangs or loses the rest.
#[test]
fn a_relay_passes_on_what_comes_behind_urgent_data() -> io::Result<()> {
    block_on(async {
        for small in [false, true] {
            for in_line in [false, true] {
                // Through little room little goes at a time.
                let layouts = if small { &LAYOUTS[..SHORT] } else { LAYOUTS };
                for (there, back) in layouts.iter().zip(layouts.iter().rev()) {
                    let what = format!("TCP, small {small}, in line {in_line}");
                    let ends = [tcp_pair(small).await?, tcp_pair(small).await?];
                    relayed(&what, ends, [there, back], in_line).await?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn a_unix_relay_passes_on_what_comes_behind_urgent_data() -> io::Result<()> {
    if !unix_has_urgent_data() {
        println!("skipped: this kernel has no urgent data in Unix streams");
        return Ok(());
    }
    block_on(async {
        for (there, back) in LAYOUTS.iter().zip(LAYOUTS.iter().rev()) {
            relayed("Unix", [unix_pair()?, unix_pair()?], [there, back], false).await?;
        }
        Ok(())
    })
}

/// One direction alone, to which nothing else calls attention.
#[test]
fn a_copy_passes_on_what_comes_behind_urgent_data() -> io::Result<()> {
    block_on(async {
        for layout in LAYOUTS {
            let ((front, client), (back, mut server)) =
                (tcp_pair(false).await?, tcp_pair(false).await?);
            let to = client.try_clone()?;
            let sent = spawn_blocking(move || send_layout(to, layout));
            let received = spawn_blocking(move || {
                let mut all = Vec::new();
                server.read_to_end(&mut all).map(|_| all)
            });
            let copied = within("copy", layout, copy(&front, &back)).await?;
            drop(back);
            let sent = sent.await.expect("no panic")?;
            let received = received.await.expect("no panic")?;
            assert_eq!(copied, received.len() as u64);
            assert_all(&received, &sent, layout, false, "copy");
        }
        Ok(())
    })
}

/// All has come, with the end or without it, before the copy first looks: no event will tell of anything more. And as the
/// pieces are, it comes to the mark by a splice.
#[test]
fn what_a_splice_says_at_the_mark_is_not_believed() -> io::Result<()> {
    const BEFORE: usize = (64 << 10) + (20 << 10);
    const LAYOUT: &[Piece] = &[Bytes(BEFORE), U, Bytes(6)];
    block_on(async {
        for ends in [false, true] {
            let socket = TcpSocket::new_v4()?;
            // So that all of it comes at once.
            socket.set_recv_buffer_size(1 << 20)?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            let listener = socket.listen(8)?;
            let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
            let (front, _) = listener.accept().await?;
            let (back, mut server) = tcp_pair(false).await?;
            client.write_all(&ordinary_bytes()[..BEFORE])?;
            send_urgent(&client)?;
            client.write_all(b"behind")?;
            if ends {
                client.shutdown(Shutdown::Write)?;
            }
            while unacknowledged(&client) > 0 {
                yield_now().await;
            }
            let received = spawn_blocking(move || {
                let mut all = vec![0; BEFORE + 6];
                server.read_exact(&mut all).map(|()| all)
            });
            let mut copying = copy(&front, &back);
            let both = async {
                let received = futures_util::future::select(received, &mut copying).await;
                match received {
                    Either::Left((received, _)) => received,
                    Either::Right((copied, received)) => {
                        assert_eq!(copied?, BEFORE as u64 + 6, "it ended too early");
                        received.await
                    }
                }
                .expect("no panic")
            };
            let received = within("copy", LAYOUT, both).await?;
            assert!(received[..BEFORE] == ordinary_bytes()[..BEFORE]);
            assert_eq!(&received[BEFORE..], b"behind");
            drop(client);
        }
        Ok(())
    })
}

/// How many bytes have not come to the peer.
fn unacknowledged(stream: &impl AsFd) -> libc::c_int {
    let mut count = 0;
    // SAFETY: the call writes one integer, to one that lives through it.
    let result = unsafe { libc::ioctl(stream.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    assert_eq!(result, 0);
    count
}

/// The ways to read a stream to its end.
#[derive(Clone, Copy, Debug)]
enum InterestKind {
    Read,
    Vectored,
    Exact,
    Peek,
    Try,
    Chunk,
    Buffered,
}

const WAYS: [InterestKind; 7] = [
    InterestKind::Read,
    InterestKind::Vectored,
    InterestKind::Exact,
    InterestKind::Peek,
    InterestKind::Try,
    InterestKind::Chunk,
    InterestKind::Buffered,
];

async fn read_to_end(way: InterestKind, stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 300_000];
    let mut reader = BufReader::new(&stream);
    loop {
        let before = all.len();
        match way {
            InterestKind::Read => {
                let count = stream.read(&mut buffer).await?;
                all.extend_from_slice(&buffer[..count]);
            }
            InterestKind::Vectored => {
                let (front, rest) = buffer.split_at_mut(5);
                let mut buffers = [IoSliceMut::new(front), IoSliceMut::new(rest)];
                let count = stream.read_vectored(&mut buffers).await?;
                all.extend_from_slice(&buffer[..count]);
            }
            InterestKind::Exact => {
                let mut reading = stream.read_exact(&mut buffer);
                let ended = (&mut reading).await;
                let count = reading.filled();
                drop(reading);
                all.extend_from_slice(&buffer[..count]);
                match ended {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(all),
                    ended => ended?,
                }
            }
            InterestKind::Peek => {
                let count = stream.peek(&mut buffer).await?;
                // A peek stops where a read does, or before.
                let read = stream.read(&mut buffer[..count]).await?;
                assert_eq!(read, count);
                all.extend_from_slice(&buffer[..count]);
            }
            InterestKind::Try => {
                stream.readable().await?;
                match stream.try_read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    count => all.extend_from_slice(&buffer[..count?]),
                }
            }
            InterestKind::Chunk => {
                let take = |bytes: &[u8]| all.extend_from_slice(bytes);
                read_chunk(&stream, usize::MAX, take).await?;
            }
            InterestKind::Buffered => {
                let bytes = reader.fill_buf().await?;
                all.extend_from_slice(bytes);
                let count = bytes.len();
                reader.consume(count);
            }
        }
        if all.len() == before {
            return Ok(all);
        }
    }
}

/// What comes before the reader's first event comes all at once. No other event tells of what is behind the mark.
#[test]
fn every_way_to_read_goes_on_behind_urgent_data() -> io::Result<()> {
    block_on(async {
        for way in WAYS {
            for in_line in [false, true] {
                for &layout in &LAYOUTS[..SHORT] {
                    let (ours, theirs) = tcp_pair(false).await?;
                    if in_line {
                        keep_urgent_in_line(&ours);
                    }
                    let waits = futures_util::poll!(ours.read(&mut [0]));
                    assert!(waits.is_pending(), "it registers");
                    let _open = theirs.try_clone()?;
                    let is_small = layout
                        .iter()
                        .all(|piece| !matches!(piece, Bytes(100_000..)));
                    let what = format!("{way:?}, in line {in_line}");
                    let (received, sent) = if is_small {
                        let sent = send_layout(theirs, layout)?;
                        (within(&what, layout, read_to_end(way, ours)).await?, sent)
                    } else {
                        let sent = spawn_blocking(move || send_layout(theirs, layout));
                        let received = within(&what, layout, read_to_end(way, ours)).await?;
                        (received, sent.await.expect("no panic")?)
                    };
                    assert_all(&received, &sent, layout, in_line, &what);
                }
            }
        }
        Ok(())
    })
}

/// The kernel says `EPOLLPRI` no more once somebody has the urgent byte, and a read stops at its place all the same.
#[test]
fn urgent_data_that_was_received_by_itself_is_no_wall_either() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = tcp_pair(false).await?;
        // From the first on, the stream knows that there may be more.
        send_urgent(&theirs)?;
        within("PRI", &[U], ours.readable()).await?;
        receive_urgent_by_itself(&ours, &mut theirs).await
    })
}

/// A stream that knows of urgent data still does in another runtime, which is told of it no more.
#[test]
fn a_stream_takes_what_it_knows_of_urgent_data_to_another_runtime() -> io::Result<()> {
    let (ours, mut theirs) = block_on(async {
        let (ours, theirs) = tcp_pair(false).await?;
        send_urgent(&theirs)?;
        within("PRI", &[U], ours.readable()).await?;
        assert_eq!(receive_urgent(&ours)?, URGENT);
        io::Result::Ok((ours, theirs))
    })?;
    block_on(receive_urgent_by_itself(&ours, &mut theirs))
}

/// The stream knows that there may be urgent data.
async fn receive_urgent_by_itself(
    ours: &TcpStream,
    theirs: &mut std::net::TcpStream,
) -> io::Result<()> {
    for round in 0..3 {
        let mut buffer = [0; 64];
        while let Ok(_discarded) = ours.try_read(&mut buffer) {}
        let registered = futures_util::poll!(ours.read(&mut buffer));
        assert!(registered.is_pending());
        theirs.write_all(b"before")?;
        send_urgent(theirs)?;
        theirs.write_all(b"behind")?;
        let byte = receive_urgent(ours)?;
        assert_eq!(byte, URGENT);
        let mut all = Vec::new();
        while all.len() < 12 {
            let count = within("read", &[U], ours.read(&mut buffer)).await?;
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(all, b"beforebehind", "round {round}");
    }
    Ok(())
}

/// No end comes, of which the kernel would tell: what is behind the mark is all that the reader waits for.
#[test]
fn it_goes_on_behind_urgent_data_though_the_stream_stays_open() -> io::Result<()> {
    const SENT: &[u8] = b"beforebehind";
    block_on(async {
        for way in ["read", "read_vectored", "read_chunk", "fill_buf", "copy"] {
            let (ours, mut theirs) = tcp_pair(false).await?;
            let registered = futures_util::poll!(ours.read(&mut [0]));
            assert!(registered.is_pending());
            theirs.write_all(&SENT[..6])?;
            send_urgent(&theirs)?;
            theirs.write_all(&SENT[6..])?;
            let mut all = Vec::new();
            if way == "copy" {
                let (back, mut server) = tcp_pair(false).await?;
                let relay = spawn(async move { copy(&ours, &back).await });
                let received = spawn_blocking(move || {
                    while !all.ends_with(&SENT[6..]) {
                        let mut byte = [0];
                        server.read_exact(&mut byte).expect("more");
                        all.extend_from_slice(&byte);
                    }
                    all
                });
                all = within(way, &[U], received).await.expect("no panic");
                drop(theirs);
                within(way, &[U], relay).await.expect("no panic")?;
            } else {
                let mut reader = BufReader::new(&ours);
                while !all.ends_with(&SENT[6..]) {
                    let mut buffer = [0; 64];
                    let step = async {
                        match way {
                            "read" => {
                                let count = ours.read(&mut buffer).await?;
                                all.extend_from_slice(&buffer[..count]);
                            }
                            "read_vectored" => {
                                let mut buffers = [IoSliceMut::new(&mut buffer)];
                                let count = ours.read_vectored(&mut buffers).await?;
                                all.extend_from_slice(&buffer[..count]);
                            }
                            "read_chunk" => {
                                let take = |bytes: &[u8]| all.extend_from_slice(bytes);
                                read_chunk(&ours, usize::MAX, take).await?;
                            }
                            _ => {
                                let bytes = reader.fill_buf().await?;
                                all.extend_from_slice(bytes);
                                let count = bytes.len();
                                reader.consume(count);
                            }
                        }
                        io::Result::Ok(())
                    };
                    within(way, &[U], step).await?;
                }
            }
            all.retain(|&byte| byte != URGENT);
            assert_eq!(all, SENT, "{way}");
        }
        Ok(())
    })
}

/// Waits until the urgent byte is there.
fn receive_urgent(from: &impl AsFd) -> io::Result<u8> {
    let fd = from.as_fd().as_raw_fd();
    loop {
        let mut byte = 0_u8;
        // SAFETY: one byte that may be written, which lives through the call.
        let received = unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, libc::MSG_OOB) };
        if received == 1 {
            return Ok(byte);
        }
        match io::Error::last_os_error() {
            // It is announced and has not come, or is not announced yet.
            error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINVAL)) => {
                thread::yield_now();
            }
            error => return Err(error),
        }
    }
}
