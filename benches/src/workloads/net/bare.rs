//! No runtime: a server that waits in a level-triggered epoll and serves each connection that is ready by one `recv` and
//! one `send`. What no runtime that waits in this way can be expected to undercut.
//!
//! It has one buffer for all connections. Only what the kernel did not take at once is kept with its connection.

use super::programs::Program;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How many events a wait takes at most: as many as Waterwheel's and tokio's.
const EVENTS: usize = 1024;

/// The listener's data in epoll; that of a connection is its place.
const LISTENER: u64 = u64::MAX;

/// How often it looks for connections that have been silent for too long.
const SWEEP: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Serves for ever.
pub(super) fn serve(program: &Program, listener: TcpListener) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let server = Bare {
        epoll,
        listener,
        buffer: vec![0; program.buffer],
        connections: Vec::new(),
        free: Vec::new(),
    };
    match program.limit {
        None => server.run(),
        Some(limit) => server.run_until_silent(limit),
    }
}

struct Bare {
    epoll: OwnedFd,
    listener: TcpListener,
    buffer: Vec<u8>,
    connections: Vec<Option<Connection>>,
    /// Places that nobody has.
    free: Vec<usize>,
}

struct Connection {
    stream: OwnedFd,
    /// What has been read and not written yet. While there is any, nothing is read.
    rest: Vec<u8>,
    /// When it was last heard of, if anybody wants to know.
    heard: Instant,
}

impl Bare {
    fn run(mut self) -> io::Result<()> {
        let now = Instant::now();
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            wait(&self.epoll, &mut events, None)?;
            for event in &events {
                self.serve(event.data.u64(), now)?;
            }
        }
    }

    /// The same, and closes connections that have been silent for so long: with one reading of the clock a turn, and a
    /// look at all of them each second.
    fn run_until_silent(mut self, limit: Duration) -> io::Result<()> {
        let mut swept = Instant::now();
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            wait(&self.epoll, &mut events, Some(&SWEEP))?;
            let now = Instant::now();
            for event in &events {
                self.serve(event.data.u64(), now)?;
            }
            if now - swept >= Duration::from_secs(1) {
                swept = now;
                self.sweep(now, limit);
            }
        }
    }

    fn serve(&mut self, data: u64, now: Instant) -> io::Result<()> {
        if data == LISTENER {
            return self.accept(now);
        }
        let place = data as usize;
        let connection = self.connections[place].as_mut().expect("it is registered");
        connection.heard = now;
        let lives = if connection.rest.is_empty() {
            connection.echo(&self.epoll, data, &mut self.buffer)
        } else {
            connection.flush(&self.epoll, data)
        };
        match lives {
            Ok(true) => {}
            // Its peer has gone, in good order or not.
            Ok(false) | Err(_) => {
                self.connections[place] = None;
                self.free.push(place);
            }
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        let stream = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        epoll::add(
            &self.epoll,
            &stream,
            EventData::new_u64(place as u64),
            EventFlags::IN,
        )?;
        self.connections[place] = Some(Connection {
            stream,
            rest: Vec::new(),
            heard: now,
        });
        Ok(())
    }

    fn sweep(&mut self, now: Instant, limit: Duration) {
        for (place, slot) in self.connections.iter_mut().enumerate() {
            if slot
                .as_ref()
                .is_some_and(|connection| now - connection.heard > limit)
            {
                *slot = None;
                self.free.push(place);
            }
        }
    }
}

impl Connection {
    /// Sends back what has come. Whether there may be more.
    #[inline]
    fn echo(&mut self, epoll: &OwnedFd, data: u64, buffer: &mut [u8]) -> rustix::io::Result<bool> {
        let count = match recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
            Ok((count, _)) => count,
            Err(Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error),
        };
        if count == 0 {
            return Ok(false);
        }
        let sent = self.send(&buffer[..count])?;
        if sent < count {
            self.rest.extend_from_slice(&buffer[sent..count]);
            epoll::modify(
                epoll,
                &self.stream,
                EventData::new_u64(data),
                EventFlags::OUT,
            )?;
        }
        Ok(true)
    }

    /// Sends what is left, and listens again when nothing is.
    #[cold]
    fn flush(&mut self, epoll: &OwnedFd, data: u64) -> rustix::io::Result<bool> {
        let sent = self.send(&self.rest)?;
        self.rest.drain(..sent);
        if self.rest.is_empty() {
            epoll::modify(
                epoll,
                &self.stream,
                EventData::new_u64(data),
                EventFlags::IN,
            )?;
        }
        Ok(true)
    }

    #[inline]
    fn send(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        match send(&self.stream, bytes, SendFlags::NOSIGNAL) {
            Err(Errno::AGAIN) => Ok(0),
            sent => sent,
        }
    }
}

fn wait(
    epoll: &OwnedFd,
    events: &mut Vec<epoll::Event>,
    limit: Option<&Timespec>,
) -> io::Result<()> {
    match epoll::wait(epoll, spare_capacity(events), limit) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
