//! Who comes into a reactor, who leaves it, and the end of all registrations.

use super::wakers::wake_all;
use super::{Reactor, Source, elsewhere};
use crate::source::{Interest, Registered, Registration, Token};
use crate::spare_pipes;
use crate::sync::lock;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

impl Reactor {
    /// Lets all descriptors go, and takes no more: for when nobody will turn this reactor again.
    ///
    /// Whoever waits for a descriptor is woken, and, polled in another runtime, registers there.
    pub fn close(self: &Arc<Self>) {
        if !self.is_of_this_process() {
            return;
        }
        let mut wakers = Vec::new();
        // Kept to the end: with the last reference to a source goes what wakers it has, and what their destructors do.
        let sources = lock(&self.sources).close();
        for source in &sources {
            // A registration under way holds this lock until it is done, so that it cannot be missed.
            let mut home = lock(&source.home);
            if let Some(here) = home.take_if(|home| Arc::ptr_eq(&home.reactor, self)) {
                // Not left to the closing of the epoll instance: a child may have inherited it by fork.
                self.deregister(here.token);
                source.orphan(&mut wakers);
            }
        }
        wake_all(&mut wakers);
        if let Some(instance) = self.instance.get() {
            self.clock.end(&instance.epoll);
        }
        // A runtime ends, and leaves nothing behind. Another one that uses some makes them anew.
        spare_pipes::release();
    }

    /// How many descriptors are registered.
    #[must_use]
    pub fn registered(&self) -> usize {
        lock(&self.sources).len()
    }

    /// In a child: lets what is registered in the parent be registered here. See [`inherited`](super::inherited).
    #[cfg(not(loom))]
    pub(super) fn give_up_inherited(&self) {
        debug_assert!(!self.is_of_this_process(), "it is the parent's");
        let Ok(sources) = self.sources.try_lock() else {
            return;
        };
        sources.iter().for_each(|source| source.give_up_inherited());
    }

    /// Registers `fd` for `source`, of which `direction` has just said `WouldBlock`. If somebody else has
    /// registered it meanwhile, does nothing.
    pub(crate) fn register(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        source: &Arc<Source>,
        direction: Interest,
    ) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let mut home = lock(&source.home);
        if home.is_some() {
            return Ok(());
        }
        let token = lock(&self.sources).insert(Arc::clone(source), fd.as_raw_fd());
        let token = token.ok_or_else(closed)?;
        // Before the kernel is told: its first event may be dispatched by another thread at once.
        source.readiness.register(direction);
        let added = self
            .instance()
            .and_then(|instance| instance.epoll.add(fd, token.to_bits()));
        if let Err(error) = added {
            lock(&self.sources).remove(token);
            // Who has parked meanwhile looks again, and meets the error too.
            let mut wakers = Vec::new();
            source.orphan(&mut wakers);
            drop(home);
            wake_all(&mut wakers);
            return Err(error);
        }
        *home = Some(Registration {
            reactor: Arc::clone(self),
            token,
        });
        Ok(())
    }

    /// Lets the next turn tell of a descriptor once more what holds of it, though nothing has changed. The caller holds the
    /// lock of the source's `home`, so that it is registered meanwhile.
    pub(crate) fn report_again(&self, token: Token) -> io::Result<()> {
        if !self.is_of_this_process() {
            return Err(elsewhere());
        }
        let fd = lock(&self.sources).get(token).map(|tenant| tenant.fd);
        let epoll = &self.instance()?.epoll;
        epoll.rearm(fd.ok_or_else(closed)?, token.to_bits())
    }

    /// Takes a source out, and its descriptor out of epoll, before that is closed: a duplicate of it would keep
    /// the registration alive. The caller has taken the source's `home`, so this is done once.
    pub(crate) fn deregister(&self, token: Token) {
        if !self.is_of_this_process() {
            return;
        }
        let tenant = lock(&self.sources).remove(token);
        if let Some(Registered { fd, .. }) = tenant
            && let Some(instance) = self.instance.get()
        {
            // It fails only if the descriptor is not in epoll, which is what is wanted.
            let _ = instance.epoll.delete(fd);
        }
    }
}

#[cold]
fn closed() -> io::Error {
    io::Error::other("the runtime is shutting down: its reactor takes no more descriptors")
}
