//! What an outbox must tell, by two counts: the bytes that it was given, and those that the kernel has taken.

use super::woken::Woken;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use waterwheel::net::Sent;

pub(crate) struct Ledger {
    low: usize,
    pub(crate) high: usize,
    /// Those that were taken, in order.
    pub(crate) messages: Vec<Message>,
    /// All their bytes.
    pub(crate) total: usize,
    /// How many of these the kernel has, and how many the peer has read.
    pub(crate) gone: usize,
    pub(crate) read: usize,
    pub(crate) is_over: bool,
    /// The next write will fail.
    pub(crate) broken: bool,
    pub(crate) closing: bool,
    /// The end of the stream has been sent.
    pub(crate) end_sent: bool,
    /// What it has failed with.
    pub(crate) ended: Option<Ended>,
}

/// What an outbox failed with, and what was left.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) kind: ErrorKind,
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Ledger {
    pub(crate) fn new(low: usize, high: usize) -> Self {
        Self {
            low,
            high,
            messages: Vec::new(),
            total: 0,
            gone: 0,
            read: 0,
            is_over: false,
            broken: false,
            closing: false,
            end_sent: false,
            ended: None,
        }
    }

    /// So many bytes from that place of the stream on.
    pub(crate) fn pattern(&self, from: usize, count: usize) -> Vec<u8> {
        let byte = |place: usize| (place * 7 + (place >> 8)) as u8;
        (from..from + count).map(byte).collect()
    }

    /// How many bytes have been sent, and have not gone.
    pub(crate) fn queued(&self) -> usize {
        self.total - self.gone
    }

    /// Why no message is taken, if none is.
    pub(crate) fn refusal(&self) -> Option<ErrorKind> {
        let closed = self.closing.then_some(ErrorKind::BrokenPipe);
        self.ended.map(|ended| ended.kind).or(closed)
    }

    pub(crate) fn accept(&mut self, size: usize, sent: Sent) {
        if self.queued() + size > self.high {
            self.is_over = true;
        }
        self.messages.push(Message::new(self.total, size, sent));
        self.total += size;
    }

    /// It falls to the low watermark, and below.
    pub(crate) fn count(&mut self) {
        if self.ended.is_some() || self.queued() <= self.low {
            self.is_over = false;
        }
    }

    /// It fails: what has not gone never will.
    pub(crate) fn end(&mut self, kind: ErrorKind) {
        let left = self.messages.iter().filter(|m| m.end() > self.gone);
        self.ended = Some(Ended {
            kind,
            messages: left.count(),
            bytes: self.queued(),
        });
    }

    /// Whether the peer may find the end behind what has gone.
    pub(crate) fn may_have_ended(&self) -> bool {
        self.read == self.gone && (self.end_sent || self.broken)
    }

    pub(crate) fn pick(&mut self, number: u8) -> Option<&mut Message> {
        // The last ones are those about which there is something to tell.
        let back = usize::from(number).checked_rem(self.messages.len())?;
        self.messages.iter_mut().nth_back(back)
    }
}

/// What a `Sent` resolves to, by kind.
type Told = Result<(), ErrorKind>;

pub(crate) struct Message {
    pub(crate) start: usize,
    size: usize,
    /// `None`: it was dropped.
    pub(crate) sent: Option<Sent>,
    /// Who was told to wake when it was polled last, and had to wait.
    watch: Option<Arc<Woken>>,
    settled: Option<Told>,
}

impl Message {
    pub(crate) fn new(start: usize, size: usize, sent: Sent) -> Self {
        Self {
            start,
            size,
            sent: Some(sent),
            watch: None,
            settled: None,
        }
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.size
    }

    fn poll(&mut self) -> Option<(Poll<Told>, Arc<Woken>)> {
        let (polled, woken) = Woken::poll(Pin::new(self.sent.as_mut()?));
        let polled = polled.map(|result| result.map_err(|error| error.kind()));
        Some((polled, woken))
    }

    pub(crate) fn watch(&mut self) {
        let Some((polled, woken)) = self.poll() else {
            return;
        };
        match (polled, self.settled) {
            (Poll::Pending, None) => self.watch = Some(woken),
            (Poll::Ready(result), Some(settled)) => assert_eq!(result, settled),
            (polled, settled) => panic!("{polled:?} instead of {settled:?}"),
        }
    }

    /// Its last byte has gone, or never will.
    pub(crate) fn settle(&mut self, written: usize, result: Told) {
        if let Some(settled) = self.settled {
            assert_eq!(settled, result, "it was settled before");
            return;
        }
        self.settled = Some(result);
        if let Some(sent) = &self.sent {
            assert!(sent.is_settled(), "its end was not told");
            assert_eq!(sent.written(), written);
            assert!(
                self.watch.take().is_none_or(|woken| woken.get()),
                "nobody was woken"
            );
            self.result_again();
        }
    }

    pub(crate) fn result_again(&mut self) {
        if let Some((polled, _)) = self.poll() {
            let settled = self.settled.expect("it was settled");
            assert_eq!(polled, Poll::Ready(settled));
        }
    }

    pub(crate) fn is_pending(&self, written: usize) {
        assert_eq!(self.settled, None);
        if let Some(sent) = &self.sent {
            assert!(!sent.is_settled(), "before its last byte has gone");
            assert_eq!(sent.written(), written);
            assert!(
                self.watch.as_ref().is_none_or(|woken| !woken.get()),
                "woken for nothing"
            );
        }
    }
}
