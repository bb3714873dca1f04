//! No runtime: the ring in a level-triggered epoll.

use super::PAIRS;
use super::ring::{pairs, start};
use crate::net::Orders;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io;

/// How many events a wait takes at most.
const EVENTS: usize = 1024;

/// Has so many bytes read whenever it is told to.
pub(super) fn run(active: usize) -> io::Result<()> {
    let mut orders = Orders::new()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let (starts, places) = pairs(PAIRS, active)?;
    for (place, (from, _)) in places.iter().enumerate() {
        epoll::add(
            &epoll,
            from,
            EventData::new_u64(place as u64),
            EventFlags::IN,
        )?;
    }
    let mut events = Vec::with_capacity(EVENTS);
    while let Some(reads) = orders.next() {
        let (mut writes, mut read) = (reads - active as u64, 0);
        start(&starts)?;
        while read < reads {
            events.clear();
            epoll::wait(&epoll, spare_capacity(&mut events), None)?;
            for event in &events {
                let (from, to) = &places[event.data.u64() as usize];
                let mut byte = [0];
                let (count, _) = recv(from, &mut byte, RecvFlags::empty())?;
                assert_eq!(count, 1, "it is told of what is there");
                if writes > 0 {
                    writes -= 1;
                    send(to, &byte, SendFlags::NOSIGNAL)?;
                }
                read += 1;
            }
        }
        orders.answer(read);
    }
    Ok(())
}
