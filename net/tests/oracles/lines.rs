//! A `BufReader` beside a model that is obviously right: the whole input, and a place in it.
//!
//! One thread does all: it polls the reader, and when that has to wait, writes the next piece of the input to the other end, and turns a
//! reactor. So every run is the same again.

mod woken;

use futures_core::Stream;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::{Pin, pin};
use std::str;
use std::sync::Arc;
use std::task::Poll;
use waterwheel::net::{BufReader, UnixStream};
use waterwheel::reactor::Reactor;
use woken::Woken;

/// What comes, how it is cut, and what is read of it.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) struct Script {
    pub(crate) limit: u16,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) ops: Vec<Op>,
}

/// What comes with one write.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// One byte, many times.
    Run(u8, u16),
}

#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Op {
    ReadLine,
    ReadUntil(u8),
    /// So many items of the stream of lines.
    Lines(u8),
    /// Takes this part of what has been received, of 65536 parts.
    FillAndConsume(u16),
    /// Polls a `read_line` once, and drops it.
    PollLine,
    /// Polls a `read_until` once, and drops it.
    PollUntil(u8),
    /// The next piece comes before it is waited for.
    Arrive,
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match *self {
            Piece::Bytes(ref bytes) => bytes.clone(),
            Piece::Run(byte, count) => vec![byte; count.into()],
        }
    }
}

/// No more bytes, and no more pieces, than these are on their way, which any socket has room for.
const ON_THEIR_WAY: usize = 64 << 10;
const PIECES: usize = 64;

/// No more bytes come than about these, and no more lines are read of what no op has read.
const MOST_BYTES: usize = 256 << 10;
const MOST_LINES: usize = 100;

/// How much a reader holds, unless a longer line needs more.
const CAPACITY: usize = 8 << 10;

thread_local! {
    static REACTOR: Arc<Reactor> = Reactor::new().expect("a reactor");
}

/// Where the input comes from, piece by piece.
struct Source {
    reactor: Arc<Reactor>,
    /// `None`: the end has been sent.
    peer: Option<StdStream>,
    pieces: std::vec::IntoIter<Vec<u8>>,
    sent: usize,
    /// How many pieces were sent since the reader last waited.
    ahead: usize,
}

impl Source {
    /// Sends the next piece, or the end.
    fn send(&mut self) {
        match self.pieces.next() {
            Some(piece) => {
                let mut peer = self.peer.as_ref().expect("the end comes last");
                peer.write_all(&piece).expect("there is room");
                self.sent += piece.len();
            }
            None => self.peer = None,
        }
        self.reactor.turn_now().expect("a turn");
    }

    /// Polls to the end, and lets input come whenever that waits.
    fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            let (polled, woken) = Woken::poll(future.as_mut());
            if let Poll::Ready(output) = polled {
                return output;
            }
            assert!(self.peer.is_some(), "nothing more will come, and it waits");
            let sent = self.sent;
            self.ahead = 0;
            self.send();
            let is_news = self.sent > sent || self.peer.is_none();
            assert_eq!(woken.get(), is_news, "woken by what comes, not otherwise");
        }
    }
}

/// All that comes, and how much of it was taken.
struct Model {
    all: Vec<u8>,
    taken: usize,
    limit: usize,
}

/// What a read should give.
#[derive(Debug, PartialEq)]
enum Expected<'a> {
    Bytes(&'a [u8]),
    TooLong,
}

impl Model {
    fn rest(&self) -> &[u8] {
        &self.all[self.taken..]
    }

    /// Up to and with the first delimiter, or to the end.
    fn until(&self, delimiter: u8) -> Expected<'_> {
        let rest = self.rest();
        let before = rest
            .split(|&byte| byte == delimiter)
            .next()
            .unwrap_or_default();
        if before.len() > self.limit {
            return Expected::TooLong;
        }
        Expected::Bytes(&rest[..rest.len().min(before.len() + 1)])
    }

    fn take_until(&mut self, delimiter: u8, read: io::Result<&[u8]>) {
        match self.until(delimiter) {
            Expected::Bytes(bytes) => {
                assert_eq!(read.expect("no error is due"), bytes);
                self.taken += bytes.len();
            }
            Expected::TooLong => self.is_too_long(&read.expect_err("too long")),
        }
    }

    /// Returns whether there may be more.
    fn take_line(&mut self, read: io::Result<Option<&str>>) -> bool {
        let line = match self.until(b'\n') {
            Expected::Bytes(line) => line,
            Expected::TooLong => {
                self.is_too_long(&read.expect_err("too long"));
                return false;
            }
        };
        if line.is_empty() {
            assert_eq!(read.expect("no error is due"), None);
            return false;
        }
        let text = match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] | text => text,
        };
        let Ok(text) = str::from_utf8(text) else {
            let error = read.expect_err("no text");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains("UTF-8"), "{error}");
            return false;
        };
        assert_eq!(read.expect("no error is due"), Some(text));
        self.taken += line.len();
        true
    }

    fn is_too_long(&self, error: &io::Error) {
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let limit = format!("limit of {} bytes", self.limit);
        assert!(error.to_string().contains(&limit), "{error}");
    }

    /// What has been received is what comes next, and never more than four times the limit.
    fn check(&self, reader: &BufReader<UnixStream>, source: &Source) {
        let buffer = reader.buffer();
        assert!(
            self.rest().starts_with(buffer),
            "what was received and not taken"
        );
        assert!(self.taken + buffer.len() <= source.sent);
        assert!(
            buffer.len() <= CAPACITY.max(4 * self.limit),
            "{} bytes are held, for a limit of {}",
            buffer.len(),
            self.limit
        );
    }
}

/// Does all that the script says, then reads the rest by lines, and compares every result.
pub(crate) fn compare(script: &Script) {
    let reactor = REACTOR.with(Arc::clone);
    let _entered = reactor.enter();
    let (ours, theirs) = StdStream::pair().expect("a pair");
    let mut bytes = 0;
    let pieces = script.pieces.iter().map(Piece::bytes);
    let pieces = pieces.take_while(|piece| {
        bytes += piece.len();
        bytes < MOST_BYTES
    });
    let pieces: Vec<Vec<u8>> = pieces.collect();
    let limit = usize::from(script.limit);
    let mut model = Model {
        all: pieces.concat(),
        taken: 0,
        limit,
    };
    let mut source = Source {
        reactor: Arc::clone(&reactor),
        peer: Some(theirs),
        pieces: pieces.into_iter(),
        sent: 0,
        ahead: 0,
    };
    let ours = UnixStream::from_std(ours).expect("a stream");
    let mut reader = BufReader::with_limit(ours, limit);
    for op in &script.ops {
        run(op, &mut reader, &mut source, &mut model);
        model.check(&reader, &source);
    }
    read_the_rest(&mut reader, &mut source, &mut model);
    let (stream, rest) = reader.into_parts();
    assert!(rest.is_empty());
    drop(stream);
    assert_eq!(reactor.registered(), 0);
}

fn run(op: &Op, reader: &mut BufReader<UnixStream>, source: &mut Source, model: &mut Model) {
    match *op {
        Op::ReadLine => {
            model.take_line(source.drive(reader.read_line()));
        }
        Op::ReadUntil(delimiter) => {
            model.take_until(delimiter, source.drive(reader.read_until(delimiter)));
        }
        Op::Lines(count) => {
            let mut lines = reader.lines();
            let mut more = true;
            for _ in 0..count {
                let next = poll_fn(|cx| Pin::new(&mut lines).poll_next(cx));
                let line = source.drive(next).transpose();
                if more {
                    let line = line.as_ref().map(|line| line.as_deref());
                    more = model.take_line(line.map_err(copy));
                } else {
                    assert!(matches!(line, Ok(None)), "after the end, or an error");
                }
            }
        }
        Op::FillAndConsume(part) => {
            let received = source.drive(reader.fill_buf()).expect("no error is due");
            assert!(model.rest().starts_with(received));
            assert_eq!(received.is_empty(), model.rest().is_empty());
            let count = (received.len() * usize::from(part)).div_ceil(usize::from(u16::MAX));
            reader.consume(count);
            model.taken += count;
        }
        Op::PollLine => {
            if let (Poll::Ready(read), _) = Woken::poll(pin!(reader.read_line())) {
                model.take_line(read);
            }
        }
        Op::PollUntil(delimiter) => {
            if let (Poll::Ready(read), _) = Woken::poll(pin!(reader.read_until(delimiter))) {
                model.take_until(delimiter, read);
            }
        }
        Op::Arrive => {
            let on_its_way = source.sent - model.taken - reader.buffer().len();
            let next = source.pieces.as_slice().first().map_or(0, Vec::len);
            let is_room = on_its_way + next <= ON_THEIR_WAY && source.ahead < PIECES;
            if source.peer.is_some() && is_room {
                source.ahead += 1;
                source.send();
            }
        }
    }
}

/// By lines. What cannot be read as one is taken as bytes, and what is too long by what has been received; so is all that is behind some
/// hundred lines, as it would be slow and tell no more.
fn read_the_rest(reader: &mut BufReader<UnixStream>, source: &mut Source, model: &mut Model) {
    let mut rounds = 0;
    while !model.rest().is_empty() {
        let before = model.taken;
        run(&Op::ReadLine, reader, source, model);
        if model.taken == before {
            run(&Op::ReadUntil(b'\n'), reader, source, model);
        }
        rounds += 1;
        if model.taken == before || rounds > MOST_LINES {
            run(&Op::FillAndConsume(u16::MAX), reader, source, model);
        }
        assert!(
            model.taken > before || model.rest().is_empty(),
            "it does not come to an end"
        );
        model.check(reader, source);
    }
    for _ in 0..2 {
        run(&Op::ReadLine, reader, source, model);
    }
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
