//! How far a run has come, for whoever waits for it: a bar on a terminal, elsewhere a line for each workload.
//!
//! The bar is drawn between two samples and by the thread that takes them, never during one.

use crate::workloads::Entry;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// Of so many rounds, of all workloads together.
    pub(crate) fn new(rounds: u32) -> Self {
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar:.cyan/dim} {msg}");
        let bar = ProgressBar::new(u64::from(rounds));
        bar.set_style(style.expect("the template is well-formed"));
        Self {
            bar,
            began: Instant::now(),
        }
    }

    /// The next workload begins.
    pub(crate) fn begin(&self, entry: &Entry) {
        self.bar.set_message(format!("{:<22}", entry.name));
        self.bar.tick();
        if self.bar.is_hidden() {
            let elapsed = self.began.elapsed().as_secs();
            eprintln!("{elapsed:>4} s  {}: {}", entry.name, entry.what);
        }
    }

    /// A round is over.
    pub(crate) fn round(&self) {
        self.bar.inc(1);
    }

    /// Something that the user should know, and that is no part of the report.
    pub(crate) fn say(&self, what: &str) {
        self.bar.suspend(|| eprintln!("{what}"));
    }

    /// All is over: nothing is left of the bar.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
        let elapsed = self.began.elapsed().as_secs();
        eprintln!("{elapsed} s in all");
    }
}
