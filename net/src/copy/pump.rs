//! [`Pump`]: one direction of a copy, from one stream to another.
//!
//! Bytes go through the worker's shared buffer while they come in small pieces: a `recv` and a `send` a piece, and
//! nothing is held when there is none. A piece that fills the buffer makes the flow a *bulk* one: then they go through
//! a pipe, by `splice(2)`, and are not copied. Small pieces make it an ordinary one again.
//!
//! `splice(2)` decides nothing but how bytes go. It stops in front of a byte of urgent data (`MSG_OOB`) and never passes
//! it: there it says `EAGAIN`, or 0 as if the stream had ended, whatever has come behind. So neither is believed. A
//! `recv` is made next, which passes the mark, and that alone tells of the end, or that there is nothing to read. Nor is
//! readiness cleared for what a splice has said.
//!
//! Invariants:
//! - What is held has been read and not written. It is written before more is read.
//! - When the pump waits for something to read, it holds nothing: neither a pipe nor a buffer.
//! - A pipe is filled only when it is empty, and is given back only when it is empty: bytes of one connection never come
//!   to another.
//! - Who has ended, or was dropped, keeps no pipe for later: with the last pump that has had one go those that are kept.

use super::pipe::Pipe;
use crate::stream::sealed::Io;
use crate::stream::transfer;
use crate::util::thread_buffer::{CHUNK, with_buffer};
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use waterwheel_reactor::spare_pipes::User;
use waterwheel_reactor::{AsyncFd, Operation, Reading, Wait, Writing};

/// How many bytes go in one poll, more or less, before others have their turn.
const SHARE: usize = 4 << 20;

/// A splice of less is no bulk.
const BULK: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Pump<'a> {
    read: Wait<'a, OwnedFd, Reading>,
    /// Of what is read from.
    short_read_drains: bool,
    write: Wait<'a, OwnedFd, Writing>,
    held: Held,
    /// Since it has first needed a pipe.
    user: Option<User>,
    /// Whether bytes come in large pieces.
    bulk: bool,
    /// Whether a splice has found nothing, and a `recv` is to say what that means.
    in_doubt: bool,
    /// Whether the kernel has refused to splice these descriptors, or to give a pipe.
    refused: bool,
    ended: bool,
    moved: u64,
}

/// What has been read and not written.
#[derive(Debug)]
enum Held {
    Nothing,
    /// What did not go of a shared buffer, and how far that has gone.
    Bytes(Box<[u8]>, usize),
    Pipe(Pipe),
}

/// How the descriptors of a pump are awaited: by the name of the call whose pump it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    read: Operation<Reading>,
    write: Operation<Writing>,
}

impl Calls {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            read: Operation::new(name),
            write: Operation::new(name),
        }
    }
}

impl<'a> Pump<'a> {
    pub(super) fn new<R: Io, W: Io>(from: &'a R, to: &'a W) -> Self {
        Self {
            read: Wait::new(from.io()),
            short_read_drains: R::SHORT_READ_DRAINS,
            write: Wait::new(to.io()),
            held: Held::Nothing,
            user: None,
            bulk: false,
            in_doubt: false,
            refused: false,
            ended: false,
            moved: 0,
        }
    }

    /// How many bytes have been written.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// The stream that is written to.
    pub(super) fn writer(&self) -> &'a AsyncFd<OwnedFd> {
        self.write.fd()
    }

    /// Moves bytes until there are no more: ready at the end, with all of them written.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, calls: Calls) -> Poll<io::Result<()>> {
        let before = self.moved;
        loop {
            ready!(self.poll_write(cx, calls))?;
            if self.ended {
                self.let_go();
                self.user = None;
                return Poll::Ready(Ok(()));
            }
            if self.moved - before >= SHARE as u64 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let in_doubt = std::mem::take(&mut self.in_doubt);
            if self.bulk && !self.refused && !in_doubt {
                ready!(self.poll_splice(cx, calls))?;
            } else {
                ready!(self.poll_copy(cx, calls))?;
            }
        }
    }

    /// Writes what is held.
    fn poll_write(&mut self, cx: &mut Context<'_>, calls: Calls) -> Poll<io::Result<()>> {
        loop {
            let written = match &mut self.held {
                Held::Bytes(bytes, gone) => {
                    let left = &bytes[*gone..];
                    let call = calls.write;
                    let sent = ready!(transfer::poll_send(&mut self.write, cx, call, left))?;
                    *gone += sent;
                    if *gone == bytes.len() {
                        self.held = Held::Nothing;
                    }
                    sent
                }
                Held::Pipe(pipe) if pipe.held() > 0 => {
                    let drain = |to: &OwnedFd| pipe.drain(to);
                    ready!(self.write.poll_io(cx, calls.write, drain))?
                }
                Held::Nothing | Held::Pipe(_) => return Poll::Ready(Ok(())),
            };
            self.moved += took(written)? as u64;
        }
    }

    /// Reads into a pipe.
    fn poll_splice(&mut self, cx: &mut Context<'_>, calls: Calls) -> Poll<io::Result<()>> {
        if matches!(self.held, Held::Nothing) {
            match Pipe::take(self.user.get_or_insert_default()) {
                Some(pipe) => self.held = Held::Pipe(pipe),
                // Not tried again: each try costs system calls.
                None => {
                    self.refused = true;
                    return Poll::Ready(Ok(()));
                }
            }
        }
        let Held::Pipe(pipe) = &mut self.held else {
            unreachable!("what is held was written before");
        };
        // `WouldBlock` must not reach the wait: it would clear a readiness that no event brings back.
        let fill = |from: &OwnedFd| match pipe.fill(from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            filled => filled,
        };
        match self.read.poll_io(cx, calls.read, fill) {
            Poll::Pending => {
                self.let_go();
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => {
                self.in_doubt = true;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(count)) => {
                self.bulk = count >= BULK;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                self.refused = true;
                self.let_go();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Reads into the shared buffer, and writes from it; what does not go is held.
    fn poll_copy(&mut self, cx: &mut Context<'_>, calls: Calls) -> Poll<io::Result<()>> {
        self.let_go();
        with_buffer(|buffer| {
            let received = transfer::poll_recv(
                &mut self.read,
                cx,
                calls.read,
                self.short_read_drains,
                buffer,
            );
            let count = ready!(received)?;
            self.bulk = count == CHUNK;
            self.ended = count == 0;
            let mut left = &buffer[..count];
            while !left.is_empty() {
                match transfer::poll_send(&mut self.write, cx, calls.write, left) {
                    Poll::Ready(sent) => {
                        let sent = took(sent?)?;
                        self.moved += sent as u64;
                        left = &left[sent..];
                    }
                    Poll::Pending => {
                        self.held = Held::Bytes(left.into(), 0);
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Lets the pipe go, which is empty.
    fn let_go(&mut self) {
        if let Held::Pipe(pipe) = std::mem::replace(&mut self.held, Held::Nothing)
            && let Some(user) = &self.user
        {
            pipe.put_back(user);
        }
    }
}

/// A pump that is given up closes a pipe with something in it, and leaves an empty one.
impl Drop for Pump<'_> {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn took(count: usize) -> io::Result<usize> {
    if count == 0 {
        let reason = "the kernel took nothing of what was to be copied, and said no reason";
        return Err(io::Error::new(io::ErrorKind::WriteZero, reason));
    }
    Ok(count)
}
