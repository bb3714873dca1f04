//! A connection of the load: a request at a time, and its reply.
//!
//! Each request differs from the one before, and each reply is compared with its request.

use crate::net::PATIENCE;
use crate::random::Random;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How many events a wait takes at most.
pub(super) const EVENTS: usize = 1024;

pub(super) struct Peer {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
    sent: usize,
    received: usize,
    pub(super) began: Instant,
}

impl Peer {
    /// Connects, and has epoll tell of it by this number.
    pub(super) fn connect(
        server: SocketAddr,
        request: Vec<u8>,
        epoll: &OwnedFd,
        number: u64,
    ) -> io::Result<Self> {
        let began = Instant::now();
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        // It is closed by a reset, so that no port is kept for it: thousands a second would use them up.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        register(epoll, &stream, number)?;
        let size = request.len();
        Ok(Self {
            stream,
            reply: vec![0; size],
            sent: size,
            received: size,
            request,
            began,
        })
    }

    /// A request of so many bytes, which nobody knows beforehand.
    pub(super) fn request(size: usize, random: &mut Random) -> Vec<u8> {
        (0..size).map(|_| random.next() as u8).collect()
    }

    /// Takes the request for another connection.
    pub(super) fn into_request(self) -> Vec<u8> {
        self.request
    }

    /// Begins the next request.
    pub(super) fn ask(&mut self) {
        let number = self.request.first_chunk_mut();
        let number = number.expect("a request has room for a number");
        *number = u64::from_le_bytes(*number).wrapping_add(1).to_le_bytes();
        self.sent = 0;
        self.received = 0;
        self.send();
    }

    /// Sends what is left of the request, as far as there is room.
    fn send(&mut self) {
        while self.sent < self.request.len() {
            let rest = &self.request[self.sent..];
            match send(&self.stream, rest, SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::AGAIN) => return,
                Err(error) => panic!("a request: {error}"),
            }
        }
    }

    /// After an event: whether that was the end of the reply.
    pub(super) fn go_on(&mut self) -> bool {
        self.send();
        let size = self.reply.len();
        if self.received == size {
            return false;
        }
        while self.received < size {
            let rest = &mut self.reply[self.received..];
            match recv(&self.stream, rest, RecvFlags::empty()) {
                Ok((0, _)) => panic!("the server has closed a connection"),
                Ok((count, _)) => self.received += count,
                Err(Errno::AGAIN) => return false,
                Err(error) => panic!("a reply: {error}"),
            }
        }
        assert!(self.reply == self.request, "a reply is its request");
        true
    }
}

/// By edges: it is told of once when something has come, and once when there is room again.
pub(super) fn register(epoll: &OwnedFd, stream: impl AsFd, number: u64) -> io::Result<()> {
    let events = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
    Ok(epoll::add(
        epoll,
        stream,
        EventData::new_u64(number),
        events,
    )?)
}

/// What has happened; something has.
pub(super) fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) {
    events.clear();
    let limit = Timespec::try_from(PATIENCE).expect("it is not that long");
    match epoll::wait(epoll, spare_capacity(events), Some(&limit)) {
        Ok(0) => panic!("the server has not answered for {PATIENCE:?}"),
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => panic!("{error}"),
    }
}
