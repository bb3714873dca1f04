//! The slab of a reactor's sources, by token.

#[cfg(all(any(test, debug_assertions), not(loom)))]
mod validate;

use super::Source;
use super::token::Token;
use slab::Slab;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Registered<R> {
    generation: u32,
    /// By which the kernel knows it.
    pub(crate) fd: RawFd,
    pub(crate) source: Arc<Source<R>>,
}

/// Pure data; the lock around it is the reactor's.
#[derive(Debug)]
pub(crate) struct Sources<R> {
    slab: Slab<Registered<R>>,
    next_generation: u32,
    /// When so few are left, the slab tries to give memory back.
    shrink_at: usize,
    /// No source is taken in any more.
    closed: bool,
    /// An empty buffer for wakers, so that a turn allocates nothing.
    pub(crate) spare_wakers: Vec<Waker>,
    /// The key that is checked next.
    #[cfg(all(any(test, debug_assertions), not(loom)))]
    next_checked: usize,
}

impl<R> Default for Sources<R> {
    fn default() -> Self {
        Self {
            slab: Slab::new(),
            next_generation: 0,
            shrink_at: 0,
            closed: false,
            spare_wakers: Vec::new(),
            #[cfg(all(any(test, debug_assertions), not(loom)))]
            next_checked: 0,
        }
    }
}

impl<R> Sources<R> {
    /// A slab of this capacity is left as it is.
    const KEEP: usize = 64;

    /// Takes a source in; `None` when closed.
    pub(crate) fn insert(&mut self, source: Arc<Source<R>>, fd: RawFd) -> Option<Token> {
        if self.closed {
            return None;
        }
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let grows = self.slab.len() == self.slab.capacity();
        let key = self.slab.insert(Registered {
            generation,
            fd,
            source,
        });
        if grows {
            self.shrink_at = self.slab.capacity() / 4;
        }
        let key = u32::try_from(key).expect("fewer than 2^32 descriptors");
        Some(Token { generation, key })
    }

    #[inline]
    pub(crate) fn get(&self, token: Token) -> Option<&Registered<R>> {
        let tenant = self.slab.get(token.key as usize)?;
        (tenant.generation == token.generation).then_some(tenant)
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<Registered<R>> {
        self.get(token)?;
        let tenant = self.slab.remove(token.key as usize);
        if self.slab.len() <= self.shrink_at && self.slab.capacity() > Self::KEEP {
            self.shrink();
        }
        Some(tenant)
    }

    /// Gives the memory behind the last source back. It takes time by the slab's capacity, so it is tried again only
    /// when half as many are left: a logarithm of times between two growths.
    #[cold]
    fn shrink(&mut self) {
        self.shrink_at = self.slab.len() / 2;
        self.slab.shrink_to_fit();
    }

    /// Takes no more in, and tells who is there. They stay until they are removed: who lets one go needs its descriptor.
    pub(crate) fn close(&mut self) -> Vec<Arc<Source<R>>> {
        self.closed = true;
        let tenants = self.slab.iter();
        tenants
            .map(|(_, tenant)| Arc::clone(&tenant.source))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All that are there.
    #[cfg(not(loom))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Source<R>>> {
        self.slab.iter().map(|(_, tenant)| &tenant.source)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Nothing here asks the kernel.
    const FD: RawFd = 0;

    /// Pitfalls: a stale event after descriptor reuse (libuv#826, #971); a token after deregistration
    /// (RUSTSEC-2024-0019).
    #[test]
    fn a_token_of_a_former_tenant_finds_nobody() {
        let mut sources = Sources::<()>::default();
        let old = sources.insert(Arc::new(Source::new()), FD).expect("open");
        assert!(sources.get(old).is_some());
        assert!(sources.remove(old).is_some());
        assert!(sources.get(old).is_none());
        let new = sources.insert(Arc::new(Source::new()), FD).expect("open");
        assert_eq!(new.key, old.key, "the slab reuses its key");
        assert!(sources.get(old).is_none());
        assert!(sources.remove(old).is_none());
        assert!(sources.get(new).is_some());
    }

    /// Each connection has these for as long as it lives. With the counts of its `Arc`, a source takes 120 bytes, all that the allocator
    /// has in a block of 128.
    #[test]
    fn a_connection_is_small() {
        assert_eq!(size_of::<Source<()>>(), 104);
        assert_eq!(size_of::<Registered<()>>(), 16);
    }

    #[test]
    fn closed_takes_nobody_in() {
        let mut sources = Sources::<()>::default();
        let there = sources.insert(Arc::new(Source::new()), FD).expect("open");
        assert_eq!(sources.close().len(), 1);
        assert!(sources.insert(Arc::new(Source::new()), FD).is_none());
        assert!(sources.remove(there).is_some(), "by whoever lets it go");
        assert_eq!(sources.len(), 0);
    }

    #[test]
    fn a_slab_with_few_left_gives_its_memory_back() {
        let mut sources = Sources::<()>::default();
        let mut take_in = || sources.insert(Arc::new(Source::new()), FD).expect("open");
        let listener = take_in();
        let tokens: Vec<_> = (0..10_000).map(|_| take_in()).collect();
        for token in tokens {
            sources.remove(token);
        }
        assert!(sources.slab.capacity() <= Sources::<()>::KEEP);
        assert!(sources.get(listener).is_some());
    }

    /// The key of a source cannot change, so what is below it stays.
    #[test]
    fn a_slab_whose_last_source_stays_is_not_tried_over_and_over() {
        let mut sources = Sources::<()>::default();
        let mut tokens: Vec<_> = (0..10_000)
            .filter_map(|_| sources.insert(Arc::new(Source::new()), FD))
            .collect();
        let last = tokens.pop().expect("many");
        let mut tries = 0;
        for token in tokens {
            let before = sources.shrink_at;
            sources.remove(token);
            tries += usize::from(sources.shrink_at != before);
        }
        assert!((1..20).contains(&tries), "{tries} tries");
        assert!(sources.get(last).is_some());
    }
}
