//! On what it was measured: figures of different machines, kernels or versions are not to be compared.

use crate::workloads::tasks::WORKERS;
use std::fs;
use std::thread;

/// Who is measured.
const NAMES: [&str; 4] = ["waterwheel", "tokio", "smol", "monoio"];

/// Prints the head of the report.
pub(crate) fn print(rounds: u32) {
    let cores = thread::available_parallelism().map_or("?".to_owned(), |cores| cores.to_string());
    println!("machine   {}, {cores} cores", processor());
    println!("kernel    Linux {}", kernel());
    println!("compiler  {}", env!("RUSTC_VERSION"));
    let versions = NAMES.map(|name| format!("{name} {}", version(name)));
    println!("versions  {}", versions.join(", "));
    println!(
        "method    {rounds} rounds; {WORKERS} workers each where tasks are measured, one thread where timers are\n"
    );
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
    let (_, entry) = include_str!("../Cargo.lock")
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
