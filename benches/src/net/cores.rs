//! Which core is the server's, and which the load's: the first two that this process may use, so that neither takes time
//! from the other. On a machine of one core, both are that one.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::OnceLock;

/// This thread is on one core until this is dropped.
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// On that of whoever serves.
    pub(crate) fn server() -> io::Result<Self> {
        Self::to(0)
    }

    /// On that of whoever asks.
    pub(crate) fn load() -> io::Result<Self> {
        Self::to(1)
    }

    fn to(place: usize) -> io::Result<Self> {
        let before = sched_getaffinity(None)?;
        let cores = cores();
        let mut only = CpuSet::new();
        only.set(cores[place.min(cores.len() - 1)]);
        sched_setaffinity(None, &only)?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was so before, and nobody has taken a core away meanwhile; if so, the thread stays where it is.
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// The cores of this process, as they are when this is first asked.
fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(|| {
        let allowed = sched_getaffinity(None).expect("a thread may ask for its own");
        let cores: Vec<_> = (0..CpuSet::MAX_CPU)
            .filter(|core| allowed.is_set(*core))
            .collect();
        assert!(!cores.is_empty(), "a thread runs somewhere");
        cores
    })
}
