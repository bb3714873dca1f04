//! Who loads the servers: one thread and one epoll for many connections, each of which sends its next request when it has the
//! whole reply to the one before. It is there to cost little, so that the servers are what is waited for.

use super::echo::{Requests, latencies};
use super::peer::{EVENTS, Peer, wait};
use crate::random::Random;
use hdrhistogram::Histogram;
use rustix::event::epoll;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Connections to a server, all of them idle but while it runs.
pub(super) struct Load {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    peers: Vec<Peer>,
    /// Nanoseconds, of the last run.
    latencies: Histogram<u64>,
}

impl Load {
    /// So many connections, whose requests have so many bytes. Each has been served once when this returns.
    pub(super) fn connect(server: SocketAddr, connections: usize, size: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut random = Random::new(1);
        let peers = (0..connections).map(|place| {
            let request = Peer::request(size, &mut random);
            Peer::connect(server, request, &epoll, place as u64)
        });
        let peers = peers.collect::<io::Result<_>>()?;
        let mut load = Self {
            epoll,
            events: Vec::with_capacity(EVENTS),
            peers,
            latencies: latencies(),
        };
        load.run(connections as u64);
        Ok(load)
    }
}

impl Requests for Load {
    fn run(&mut self, requests: u64) -> (Duration, &Histogram<u64>) {
        self.latencies.reset();
        let began = Instant::now();
        let mut begun = 0;
        for peer in &mut self.peers {
            if begun < requests {
                begun += 1;
                peer.began = Instant::now();
                peer.ask();
            }
        }
        let mut done = 0;
        while done < requests {
            wait(&self.epoll, &mut self.events);
            for event in &self.events {
                let peer = &mut self.peers[event.data.u64() as usize];
                if !peer.go_on() {
                    continue;
                }
                let now = Instant::now();
                let latency = now - peer.began;
                self.latencies.saturating_record(latency.as_nanos() as u64);
                done += 1;
                if begun < requests {
                    begun += 1;
                    peer.began = now;
                    peer.ask();
                }
            }
        }
        (began.elapsed(), &self.latencies)
    }
}
