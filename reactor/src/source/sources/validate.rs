//! The slab of sources checks itself, in builds with `debug_assertions` and in tests; there is nothing of this in others.
//!
//! At each turn a few sources are looked at, others the next time, so that a turn takes no longer for many. The lock of a source's `home`
//! comes before that of the slab, so here it is only tried: who has it is about to change what would be checked.

use super::{Registered, Sources};
use crate::source::Token;
use std::ptr;
use std::sync::TryLockError;

/// Sources that are looked at in a turn.
const SOURCES_A_TURN: usize = 2;

impl<R> Sources<R> {
    /// Checks some of the sources of that reactor: that each has the token that it was given when it was registered, so that a stale one
    /// finds nobody, and that its readiness says that it is registered.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(crate) fn check(&mut self, reactor: *const R) {
        for _ in 0..SOURCES_A_TURN {
            if self.next_checked >= self.slab.capacity() {
                self.next_checked = 0;
            }
            let index = self.next_checked;
            self.next_checked += 1;
            if let Some(tenant) = self.slab.get(index) {
                tenant.validate(index, reactor);
            }
        }
    }
}

impl<R> Registered<R> {
    fn validate(&self, index: usize, reactor: *const R) {
        let home = match self.source.home.try_lock() {
            Ok(home) => home,
            Err(TryLockError::Poisoned(home)) => home.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // None: a descriptor that is being dropped, which takes the home first, and then the tenant out of the slab.
        let Some(home) = &*home else {
            return;
        };
        assert!(
            ptr::eq(&*home.reactor, reactor),
            "a source in the slab of one reactor, and at home in another"
        );
        let token = Token {
            generation: self.generation,
            key: u32::try_from(index).expect("fewer than 2^32 descriptors"),
        };
        assert_eq!(home.token, token, "the token of a source, and its tenant's");
        assert!(
            self.source.readiness.observe().is_registered(),
            "a source that has a home, and whose readiness says that it is not registered"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Registration, Source};
    use crate::sync::lock;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    /// Stands in for the reactor, of which only the address counts.
    type Reactor = u8;

    /// Checks until each has been looked at.
    fn check_all(sources: &mut Sources<Reactor>, reactor: &Arc<Reactor>) {
        for _ in 0..=sources.slab.capacity() / SOURCES_A_TURN {
            sources.check(Arc::as_ptr(reactor));
        }
    }

    /// Breaks one of many sources, and has the slab refused with that word.
    #[track_caller]
    fn refused(
        word: &str,
        corrupt: impl FnOnce(&mut Sources<Reactor>, &Arc<Source<Reactor>>, Token),
    ) {
        let reactor = Arc::new(0);
        let mut sources = Sources::default();
        let mut registered = Vec::new();
        for _ in 0..100 {
            let source = Arc::new(Source::new());
            let token = sources.insert(Arc::clone(&source), 0).expect("open");
            source.readiness.register(crate::Interest::Read);
            let reactor = Arc::clone(&reactor);
            *lock(&source.home) = Some(Registration { reactor, token });
            registered.push((source, token));
        }
        check_all(&mut sources, &reactor);
        let (source, token) = &registered[77];
        corrupt(&mut sources, source, *token);
        let payload = catch_unwind(AssertUnwindSafe(|| check_all(&mut sources, &reactor)));
        let payload = payload.expect_err("refused");
        let message = match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(other) => (*other.downcast::<&str>().unwrap()).into(),
        };
        assert!(message.contains(word), "{message}");
    }

    #[test]
    fn a_generation_that_is_not_the_tokens() {
        refused("the token of a source", |sources, _, token| {
            sources.slab[token.key as usize].generation += 1;
        });
    }

    #[test]
    fn a_source_under_the_key_of_another() {
        refused("the token of a source", |sources, source, _| {
            sources.slab[5].source = Arc::clone(source);
        });
    }

    #[test]
    fn a_source_that_is_at_home_elsewhere() {
        refused("at home in another", |_, source, token| {
            let reactor = Arc::new(0);
            *lock(&source.home) = Some(Registration { reactor, token });
        });
    }

    #[test]
    fn a_source_that_has_a_home_and_does_not_know_it() {
        refused("is not registered", |_, source, _| {
            source.readiness.orphan();
        });
    }
}
