//! Who loads the servers: one thread and one epoll for many connections, each of which sends its next request when it has the
//! whole reply to the one before.
//!
//! It is there to cost little, so that the servers are what is waited for. Each request differs from the one before, and
//! each reply is compared with its request.

use crate::random::Random;
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How many events a wait takes at most.
const EVENTS: usize = 1024;

/// A server that has not answered for so long never will.
const PATIENCE: Timespec = Timespec {
    tv_sec: 60,
    tv_nsec: 0,
};

/// Connections to a server, all of them idle but while it runs.
pub(super) struct Load {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    peers: Vec<Peer>,
    /// Nanoseconds, of the last run.
    latencies: Histogram<u64>,
}

/// A connection.
struct Peer {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
    sent: usize,
    received: usize,
    began: Instant,
}

impl Load {
    /// So many connections, whose requests have so many bytes. Each has been served once when this returns.
    pub(super) fn connect(server: SocketAddr, connections: usize, size: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut random = Random::new(1);
        let mut peers = Vec::with_capacity(connections);
        for number in 0..connections {
            let peer = Peer::connect(server, size, &mut random)?;
            // By edges: a connection is told of once when there is a reply, and once when there is room again.
            let events = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(
                &epoll,
                &peer.stream,
                EventData::new_u64(number as u64),
                events,
            )?;
            peers.push(peer);
        }
        let mut load = Self {
            epoll,
            events: Vec::with_capacity(EVENTS),
            peers,
            latencies: Histogram::new(3).expect("three digits"),
        };
        load.run(connections as u64);
        Ok(load)
    }

    /// Makes so many requests, and tells how long that took.
    pub(super) fn run(&mut self, requests: u64) -> Duration {
        self.latencies.reset();
        let began = Instant::now();
        let mut started = 0;
        for peer in &mut self.peers {
            if started < requests {
                started += 1;
                peer.ask(Instant::now());
            }
        }
        let mut done = 0;
        while done < requests {
            self.events.clear();
            let room = spare_capacity(&mut self.events);
            match epoll::wait(&self.epoll, room, Some(&PATIENCE)) {
                Ok(0) => panic!("the server has not answered for {} s", PATIENCE.tv_sec),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => panic!("{error}"),
            }
            for event in &self.events {
                let peer = &mut self.peers[event.data.u64() as usize];
                if !peer.go_on() {
                    continue;
                }
                let now = Instant::now();
                let latency = now - peer.began;
                self.latencies.saturating_record(latency.as_nanos() as u64);
                done += 1;
                if started < requests {
                    started += 1;
                    peer.ask(now);
                }
            }
        }
        began.elapsed()
    }

    /// Within which this part of the requests of the last run was answered.
    pub(super) fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(quantile))
    }
}

impl Peer {
    fn connect(server: SocketAddr, size: usize, random: &mut Random) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let noise = (0..size).map(|_| random.next() as u8);
        Ok(Self {
            stream,
            request: noise.collect(),
            reply: vec![0; size],
            sent: size,
            received: size,
            began: Instant::now(),
        })
    }

    /// Begins the next request.
    fn ask(&mut self, now: Instant) {
        let number = self
            .request
            .first_chunk_mut()
            .expect("a request has room for a number");
        *number = u64::from_le_bytes(*number).wrapping_add(1).to_le_bytes();
        self.sent = 0;
        self.received = 0;
        self.began = now;
        self.send();
    }

    /// Sends what is left of the request, as far as there is room.
    fn send(&mut self) {
        while self.sent < self.request.len() {
            match send(
                &self.stream,
                &self.request[self.sent..],
                SendFlags::NOSIGNAL,
            ) {
                Ok(count) => self.sent += count,
                Err(Errno::AGAIN) => return,
                Err(error) => panic!("a request: {error}"),
            }
        }
    }

    /// After an event: whether that was the end of the reply.
    fn go_on(&mut self) -> bool {
        self.send();
        let size = self.reply.len();
        if self.received == size {
            return false;
        }
        while self.received < size {
            match recv(
                &self.stream,
                &mut self.reply[self.received..],
                RecvFlags::empty(),
            ) {
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
