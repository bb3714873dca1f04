//! A load of short connections: each makes a request, has its reply and is closed, and another is opened in its place.

use super::echo::{Requests, latencies};
use super::peer::{EVENTS, Peer, wait};
use crate::random::Random;
use hdrhistogram::Histogram;
use rustix::event::epoll;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

pub(super) struct ShortLoad {
    server: SocketAddr,
    epoll: OwnedFd,
    /// What the connections of a place ask, one after another.
    requests: Vec<Vec<u8>>,
    /// Nanoseconds, of the last run: from before `connect` to the end of the reply.
    latencies: Histogram<u64>,
}

impl ShortLoad {
    /// So many at a time.
    pub(super) fn new(server: SocketAddr, at_a_time: usize, size: usize) -> io::Result<Self> {
        let mut random = Random::new(1);
        let requests = (0..at_a_time).map(|_| Peer::request(size, &mut random));
        Ok(Self {
            server,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            requests: requests.collect(),
            latencies: latencies(),
        })
    }

    fn open(&self, place: usize, request: Vec<u8>) -> Option<Peer> {
        let peer = Peer::connect(self.server, request, &self.epoll, place as u64);
        let mut peer = peer.expect("the server accepts");
        peer.ask();
        Some(peer)
    }
}

impl Requests for ShortLoad {
    fn run(&mut self, requests: u64) -> (Duration, &Histogram<u64>) {
        self.latencies.reset();
        let began = Instant::now();
        let at_once = self.requests.len().min(requests as usize);
        let mut begun = at_once as u64;
        let mut peers: Vec<_> = (0..at_once)
            .map(|place| self.open(place, self.requests[place].clone()))
            .collect();
        let mut done = 0;
        let mut events = Vec::with_capacity(EVENTS);
        while done < requests {
            wait(&self.epoll, &mut events);
            for event in &events {
                let place = event.data.u64() as usize;
                let Some(mut peer) = peers[place].take() else {
                    continue;
                };
                if !peer.go_on() {
                    peers[place] = Some(peer);
                    continue;
                }
                let latency = peer.began.elapsed();
                self.latencies.saturating_record(latency.as_nanos() as u64);
                done += 1;
                let request = peer.into_request();
                if begun < requests {
                    begun += 1;
                    peers[place] = self.open(place, request);
                }
            }
        }
        (began.elapsed(), &self.latencies)
    }
}
