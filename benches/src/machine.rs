//! On what it was measured: figures of different machines, kernels or versions are not to be compared.

use serde::Serialize;
use std::fs;
use std::thread;

/// The versions of everything that this program was built with.
pub(crate) const LOCK: &str = include_str!("../Cargo.lock");

/// Who is measured.
const NAMES: [&str; 4] = ["waterwheel", "tokio", "smol", "monoio"];

#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) compiler: &'static str,
    /// Of each runtime.
    pub(crate) versions: Vec<Version>,
}

#[derive(Serialize)]
pub(crate) struct Version {
    name: &'static str,
    version: &'static str,
}

impl Machine {
    /// The one that this runs on.
    pub(crate) fn new() -> Self {
        let version = |name| Version {
            name,
            version: version(name),
        };
        Self {
            processor: processor(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel(),
            compiler: env!("RUSTC_VERSION"),
            versions: NAMES.map(version).into(),
        }
    }

    /// All versions, in a line.
    pub(crate) fn versions(&self) -> String {
        let versions = self.versions.iter();
        let versions: Vec<_> = versions
            .map(|of| format!("{} {}", of.name, of.version))
            .collect();
        versions.join(", ")
    }
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    // Not every architecture names its processors there.
    model.unwrap_or_else(|| format!("a processor of {}", std::env::consts::ARCH))
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or("?".to_owned(), |release| release.trim().to_owned())
}

/// The version of a crate that this program was built with, by the lock file.
fn version(name: &str) -> &'static str {
    let (_, entry) = LOCK
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .expect("the lock file names each crate");
    entry.split('"').next().expect("and its version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_versions() {
        assert!(version("tokio").starts_with("1."));
        for name in NAMES {
            assert!(version(name).starts_with(|first: char| first.is_ascii_digit()));
        }
    }
}
