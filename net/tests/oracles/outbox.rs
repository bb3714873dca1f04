//! An `Outbox` beside a model: one count of bytes, which the other end of the socket tells.
//!
//! The socket has as little room as the kernel allows, so that most messages go in parts. How much the kernel has taken is asked at the
//! other end: what was read there, and what could be (`FIONREAD`). From that alone follows what each [`Sent`] must say, what is queued, who
//! is woken, and what is left. One thread does all, and turns a reactor and a clock by hand: every run is the same again.

mod ledger;
mod woken;

use ledger::{Ended, Ledger, Message};
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use waterwheel::net::{CloseReport, Outbox, UnixStream, Watermarks};
use waterwheel::reactor::Reactor;
use waterwheel::time::{Timers, VirtualClock};
use woken::Woken;

/// What an outbox is made with, and what is done to it.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) struct Script {
    pub(crate) low: u16,
    /// How much the high watermark is above it.
    pub(crate) span: u16,
    /// Whether the socket has as much room as sockets usually have.
    pub(crate) roomy: bool,
    pub(crate) ops: Vec<Op>,
}

/// What is done; a number picks a message.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Op {
    Send(u16),
    /// So many small ones of the same size.
    SendMany(u8, u8),
    /// As much as makes what is queued just the high watermark, or a few bytes more or fewer.
    SendToMark(i8),
    /// Polls its `Sent`.
    Watch(u8),
    /// Drops its `Sent`.
    Forget(u8),
    /// The peer reads at most so much.
    Read(u16),
    /// The reactor takes a turn: what has room goes.
    Turn,
    /// Polls a new `ready`.
    AskForRoom,
    /// The peer is closed, with what it has not read.
    PeerCloses,
    /// The peer reads what there is, and no more after it.
    PeerStopsReading,
    /// Our own end of the stream is sent behind the outbox's back.
    ShutDown,
    /// Closes with ten seconds left, or none.
    Close(bool),
    /// Drops the future of that.
    CancelClose,
    /// Ten seconds pass.
    TimePasses,
    /// Drops the outbox.
    Drop,
}

/// How an outbox was used, so that a test can tell that it was about something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) partial: usize,
    pub(crate) sent: usize,
    pub(crate) failed: usize,
    pub(crate) refused: usize,
    pub(crate) over: usize,
    pub(crate) drained: usize,
    pub(crate) timed_out: usize,
}

const PATIENCE: Duration = Duration::from_secs(10);

/// A few more than are in the script: so many messages or bytes do not make it slow.
const MOST_MESSAGES: usize = 2_000;
const MOST_BYTES: usize = 1 << 20;

thread_local! {
    static REACTOR: Arc<Reactor> = Reactor::new().expect("a reactor");
}

type Asked = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;
type Closing = Pin<Box<dyn Future<Output = CloseReport>>>;

struct Run {
    reactor: Arc<Reactor>,
    clock: Arc<VirtualClock>,
    peer: Option<StdStream>,
    /// `None`: it was dropped.
    outbox: Option<Arc<Outbox<UnixStream>>>,
    ledger: Ledger,
    /// Those who wait for room.
    asked: Vec<(Asked, Arc<Woken>)>,
    closing: Option<(Closing, Arc<Woken>)>,
    /// Whether the deadline of the close under way has come.
    out_of_time: bool,
    tally: Tally,
}

/// Does all that the script says, lets the rest go, and compares everything that the outbox tells.
pub(crate) fn compare(script: &Script) -> Tally {
    let reactor = REACTOR.with(Arc::clone);
    let clock = Arc::new(VirtualClock::new());
    let timers = Timers::with_virtual_clock(Waker::noop().clone(), Arc::clone(&clock));
    let (_turned_by, _timed_by) = (reactor.enter(), timers.enter());
    let (ours, peer) = StdStream::pair().expect("a pair");
    peer.set_nonblocking(true).expect("a mode");
    let ours = UnixStream::from_std(ours).expect("a stream");
    if !script.roomy {
        ours.set_send_buffer_size(1).expect("an option");
    }
    let low = script.low.into();
    let high = low + usize::from(script.span);
    let mut run = Run {
        reactor: Arc::clone(&reactor),
        clock,
        peer: Some(peer),
        outbox: Some(Arc::new(Outbox::with_watermarks(
            ours,
            Watermarks { low, high },
        ))),
        ledger: Ledger::new(low, high),
        asked: Vec::new(),
        closing: None,
        out_of_time: false,
        tally: Tally::default(),
    };
    for op in &script.ops {
        run.op(op);
        run.check();
    }
    run.finish();
    let tally = run.tally;
    drop(run);
    assert_eq!(reactor.registered(), 0, "nothing is left of it");
    tally
}

impl Run {
    fn op(&mut self, op: &Op) {
        match *op {
            Op::Send(size) => self.send(size.into()),
            Op::SendMany(count, size) => (0..count).for_each(|_| self.send(size.into())),
            Op::SendToMark(off) => {
                let room = self.ledger.high.saturating_sub(self.ledger.queued());
                self.send(room.saturating_add_signed(off.into()));
            }
            Op::Watch(number) => {
                if let Some(message) = self.ledger.pick(number) {
                    message.watch();
                }
            }
            Op::Forget(number) => {
                if let Some(message) = self.ledger.pick(number) {
                    message.sent = None;
                }
            }
            Op::Read(most) => self.read(most.into()),
            Op::Turn => self.turn(),
            Op::AskForRoom => self.ask_for_room(),
            Op::PeerCloses => {
                self.ask_the_kernel();
                self.ledger.broken |= self.outbox.is_some();
                self.peer = None;
            }
            Op::PeerStopsReading => {
                if let Some(peer) = &self.peer {
                    peer.shutdown(Shutdown::Read).expect("connected");
                    self.ledger.broken |= self.outbox.is_some();
                }
            }
            Op::ShutDown => {
                if let Some(outbox) = &self.outbox {
                    // It may have been told before that the peer has gone.
                    let _ = outbox.get_ref().shutdown(Shutdown::Write);
                    self.ledger.broken = true;
                }
            }
            Op::Close(patient) => self.close(patient),
            Op::CancelClose => self.closing = None,
            Op::TimePasses => self.time_passes(),
            Op::Drop => self.drop_outbox(),
        }
    }

    fn send(&mut self, size: usize) {
        let Some(outbox) = &self.outbox else { return };
        let Ledger {
            messages, total, ..
        } = &self.ledger;
        if messages.len() >= MOST_MESSAGES || total + size > MOST_BYTES {
            return;
        }
        let refusal = self.ledger.refusal();
        let sent = outbox.send(self.ledger.pattern(*total, size));
        if let Some(kind) = refusal {
            Message::new(*total, size, sent).settle(0, Err(kind));
            self.tally.refused += 1;
            return;
        }
        self.ledger.accept(size, sent);
        self.ask_the_kernel();
        self.note_failure();
        self.ledger.count();
    }

    /// How much the kernel has taken in all.
    fn ask_the_kernel(&mut self) {
        let Some(peer) = &self.peer else { return };
        let mut unread: libc::c_int = 0;
        // SAFETY: the call writes one `int`, to where there is one.
        let result = unsafe { libc::ioctl(peer.as_raw_fd(), libc::FIONREAD, &mut unread) };
        assert_eq!(result, 0);
        self.ledger.gone = self.ledger.read + usize::try_from(unread).expect("a number of bytes");
    }

    /// What comes is what was sent, in order, each byte once.
    fn read(&mut self, most: usize) {
        let Some(peer) = &mut self.peer else { return };
        let mut buffer = vec![0; most];
        match peer.read(&mut buffer) {
            Ok(count) => {
                let expected = self.ledger.pattern(self.ledger.read, count);
                assert!(
                    buffer[..count] == expected,
                    "after {} bytes",
                    self.ledger.read
                );
                self.ledger.read += count;
                assert!(count > 0 || most == 0 || self.ledger.may_have_ended());
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    fn turn(&mut self) {
        self.reactor.turn_now().expect("a turn");
        self.ask_the_kernel();
        if self.peer.is_none() && self.outbox.is_some() {
            assert!(
                self.ledger.queued() == 0 || self.has_failed(),
                "told that the peer has gone"
            );
        }
    }

    fn ask_for_room(&mut self) {
        let Some(outbox) = &self.outbox else { return };
        let asked = Arc::clone(outbox);
        let mut asked: Asked = Box::pin(async move { asked.ready().await });
        match Woken::poll(asked.as_mut()) {
            (Poll::Ready(Ok(())), _) => {
                assert!(!self.ledger.is_over && self.ledger.refusal().is_none());
            }
            (Poll::Ready(Err(error)), _) => assert_eq!(Some(error.kind()), self.ledger.refusal()),
            (Poll::Pending, woken) => {
                assert!(self.ledger.is_over && self.ledger.refusal().is_none());
                self.asked.push((asked, woken));
            }
        }
    }

    fn close(&mut self, patient: bool) {
        let Some(outbox) = &self.outbox else { return };
        let within = if patient { PATIENCE } else { Duration::ZERO };
        let outbox = Arc::clone(outbox);
        // Another one takes the place of one that is under way.
        let mut closing: Closing = Box::pin(async move { outbox.close(within).await });
        self.ledger.closing = true;
        self.out_of_time = !patient;
        let (polled, woken) = Woken::poll(closing.as_mut());
        self.closing = None;
        match polled {
            Poll::Ready(report) => self.closed(&report),
            Poll::Pending => {
                assert!(patient);
                self.closing = Some((closing, woken));
            }
        }
    }

    fn time_passes(&mut self) {
        self.clock.advance(PATIENCE);
        if let Some((mut closing, woken)) = self.closing.take() {
            assert!(woken.get(), "its time has come");
            self.out_of_time = true;
            let (Poll::Ready(report), _) = Woken::poll(closing.as_mut()) else {
                panic!("it has ended");
            };
            self.closed(&report);
        }
    }

    /// What was left when it ended is what had not gone.
    fn closed(&mut self, report: &CloseReport) {
        let timed_out = self.out_of_time && self.ledger.ended.is_none() && self.ledger.queued() > 0;
        if timed_out {
            self.ledger.end(ErrorKind::TimedOut);
            self.tally.timed_out += 1;
        } else {
            self.note_failure();
        }
        let Some(ended) = self.ledger.ended else {
            assert!(report.is_drained() || self.ledger.broken, "{report:?}");
            assert_eq!((report.left_messages, report.left_bytes), (0, 0));
            assert_eq!(self.ledger.gone, self.ledger.total);
            self.ledger.end_sent = true;
            self.tally.drained += 1;
            return;
        };
        self.ledger.end_sent = true;
        let Ended {
            kind,
            messages,
            bytes,
        } = ended;
        assert_eq!((report.left_messages, report.left_bytes), (messages, bytes));
        assert!(!report.is_drained());
        let error = report.error.as_ref().map(std::io::Error::kind);
        assert_eq!(error, (!timed_out).then_some(kind));
    }

    fn drop_outbox(&mut self) {
        self.note_failure();
        self.asked.clear();
        self.closing = None;
        if let Some(outbox) = self.outbox.take() {
            let outbox = Arc::into_inner(outbox).expect("nobody else has it");
            drop(outbox);
            if self.ledger.ended.is_none() {
                self.ledger.end(ErrorKind::ConnectionAborted);
            }
            self.ledger.end_sent = true;
        }
    }

    /// Whether a message that has not gone was settled: with an error, as [`Run::check`] finds.
    fn has_failed(&self) -> bool {
        let mut pending = self
            .ledger
            .messages
            .iter()
            .filter(|m| m.end() > self.ledger.gone);
        pending.any(|m| m.sent.as_ref().is_some_and(|sent| sent.is_settled()))
            || self.ledger.queued() > 0
                && self
                    .outbox
                    .as_ref()
                    .is_some_and(|outbox| outbox.queued_bytes() == 0)
    }

    /// A failure that may have come has come.
    fn note_failure(&mut self) {
        if self.ledger.ended.is_none() && self.has_failed() {
            assert!(self.ledger.broken, "it failed for no reason");
            let outbox = self.outbox.as_ref().expect("it has failed");
            let (Poll::Ready(Err(error)), _) = Woken::poll(pin!(outbox.ready())) else {
                panic!("it has failed, and says that there is room");
            };
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                "{kind}"
            );
            self.ledger.end(kind);
        }
    }

    fn check(&mut self) {
        self.ask_the_kernel();
        self.note_failure();
        self.ledger.count();
        let Ledger { gone, total, .. } = self.ledger;
        let queued = if self.ledger.ended.is_some() {
            0
        } else {
            total - gone
        };
        if let Some(outbox) = &self.outbox {
            assert_eq!(outbox.queued_bytes(), queued);
            assert_eq!(outbox.is_over(), self.ledger.is_over);
        }
        self.tally.over += usize::from(self.ledger.is_over);
        let ended = self.ledger.ended;
        for message in &mut self.ledger.messages {
            let written = gone.clamp(message.start, message.end()) - message.start;
            if message.end() <= gone {
                message.settle(written, Ok(()));
            } else if let Some(ended) = ended {
                message.settle(written, Err(ended.kind));
            } else {
                message.is_pending(written);
                self.tally.partial += usize::from(written > 0);
            }
        }
        self.check_room();
        self.check_close();
    }

    /// Who waits for room is woken when there is, or never will be; and not before.
    fn check_room(&mut self) {
        let refusal = self.ledger.refusal();
        let is_over = self.ledger.is_over && refusal.is_none();
        for (_, woken) in &self.asked {
            // One that was woken may find that it is over again by now.
            assert!(is_over || woken.get(), "there is room, and nobody says so");
        }
        self.asked.retain_mut(|(asked, woken)| {
            if !woken.get() {
                return true;
            }
            match Woken::poll(asked.as_mut()) {
                (Poll::Ready(Ok(())), _) => assert!(!is_over && refusal.is_none()),
                (Poll::Ready(Err(error)), _) => assert_eq!(Some(error.kind()), refusal),
                (Poll::Pending, again) => {
                    assert!(is_over);
                    *woken = again;
                    return true;
                }
            }
            false
        });
    }

    /// Who closes is woken when all has gone, or never will; and not before.
    fn check_close(&mut self) {
        let Some((mut closing, woken)) = self.closing.take() else {
            return;
        };
        let is_over = self.ledger.ended.is_some() || self.ledger.queued() == 0;
        assert_eq!(woken.get(), is_over);
        match Woken::poll(closing.as_mut()) {
            (Poll::Ready(report), _) => {
                assert!(is_over);
                self.closed(&report);
            }
            (Poll::Pending, woken) => {
                assert!(!is_over);
                self.closing = Some((closing, woken));
            }
        }
    }

    /// The peer reads all; then everything has an end.
    fn finish(&mut self) {
        let mut rounds = 0;
        loop {
            self.read(MOST_BYTES);
            self.turn();
            self.check();
            let is_done = self.ledger.ended.is_some() || self.ledger.queued() == 0;
            let is_read = self.peer.is_none() || self.ledger.read == self.ledger.gone;
            if is_done && is_read {
                break;
            }
            // Each takes at least what the smallest socket holds.
            rounds += 1;
            assert!(
                rounds < 10 + MOST_BYTES / 1_000,
                "it does not come to an end"
            );
        }
        if self.ledger.ended.is_none() {
            self.op(&Op::Close(false));
            self.check();
        }
        self.op(&Op::Drop);
        self.check();
        if let Some(peer) = &mut self.peer {
            // All that has gone, and the end.
            assert_eq!(self.ledger.read, self.ledger.gone);
            assert_eq!(peer.read(&mut [0]).expect("the end"), 0);
        }
        let messages = &mut self.ledger.messages;
        messages.iter_mut().for_each(Message::result_again);
        self.tally.sent += messages
            .iter()
            .filter(|m| m.end() <= self.ledger.gone)
            .count();
        self.tally.failed += messages
            .iter()
            .filter(|m| m.end() > self.ledger.gone)
            .count();
    }
}
