//! What an echoed request takes, counted and not timed: system calls by strace, instructions in user space by callgrind.
//!
//! A server that has served few requests is subtracted from one that has served many, so that starting, accepting and ending
//! cost nothing. Under a tool it is slower than its load, and a turn finds more requests than it would without.

use super::echo::{Requests, SMALL};
use super::load::Load;
use super::programs::{PLAIN, Program, TIMED};
use super::{ECHO, RUNTIMES};
use crate::contest::{Contestant, Pace, Sample};
use crate::net::{Pinned, Server};
use crate::workloads::{Bound, Entry, Unit};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, io, process};

const CONNECTIONS: usize = 64;
const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// Something that is counted.
trait Count: 'static {
    const NAME: &'static str;
    /// What is counted, in a line.
    const WHAT: &'static str;
    const PROGRAM: &'static Program;
    const BOUNDS: &'static [Bound];

    const TOOL: &'static str;

    /// Its arguments; what it has counted is to be in this file.
    fn arguments(account: &Path) -> [OsString; 3];

    /// The sum, from the tool's account.
    fn sum(account: &str) -> Option<u64>;
}

pub(super) fn all() -> Vec<Entry> {
    vec![
        entry::<Calls>(),
        entry::<Instructions<false>>(),
        entry::<Instructions<true>>(),
    ]
}

/// Where a program is.
pub(super) fn find(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|folder| folder.join(tool));
    places.find(|place| place.is_file())
}

fn entry<C: Count>() -> Entry {
    Entry {
        group: ECHO,
        name: C::NAME,
        what: C::WHAT,
        unit: Unit::Count,
        pace: Pace::Single,
        quick: false,
        bounds: C::BOUNDS.to_vec(),
        contestants: || {
            if find(C::TOOL).is_none() {
                let lacks = format!("{} is not here to count", C::TOOL);
                return Err(io::Error::new(io::ErrorKind::Unsupported, lacks));
            }
            Ok(RUNTIMES.map(contestant::<C>).into())
        },
    }
}

fn contestant<C: Count>(runtime: &'static str) -> Contestant {
    let mut few = None;
    Contestant {
        name: runtime,
        measure: Box::new(move |_| {
            let began = Instant::now();
            let count = |requests| count::<C>(runtime, requests).expect("a server and a tool");
            let few = *few.get_or_insert_with(|| count(FEW));
            let more = count(MANY) - few;
            Sample::new(began.elapsed(), more as f64 / (MANY - FEW) as f64)
        }),
    }
}

fn count<C: Count>(runtime: &str, requests: u64) -> io::Result<u64> {
    let account = Account::new(C::NAME);
    let mut tool = vec![C::TOOL.into()];
    tool.extend(C::arguments(&account.0));
    let server = Server::start_under(&tool, C::PROGRAM.name, runtime)?;
    let _pinned = Pinned::load()?;
    let mut load = Load::connect(server.address, CONNECTIONS, SMALL)?;
    load.run(requests);
    drop(server);
    let account = fs::read_to_string(&account.0)?;
    let sum = C::sum(&account);
    Ok(sum.unwrap_or_else(|| panic!("no sum in this account:\n{account}")))
}

/// A file that a tool writes, which does not outlive this.
struct Account(PathBuf);

impl Account {
    fn new(name: &str) -> Self {
        let name = format!("waterwheel-benches-{}-{name}", process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = fs::remove_file(&self.0);
    }
}

struct Calls;

impl Count for Calls {
    const NAME: &'static str = "echo_calls";
    const WHAT: &'static str = "system calls of an echoed request at 64 connections, by strace";
    const PROGRAM: &'static Program = &PLAIN;
    const BOUNDS: &'static [Bound] = &[];

    const TOOL: &'static str = "strace";

    fn arguments(account: &Path) -> [OsString; 3] {
        ["-fc".into(), "-o".into(), account.into()]
    }

    /// The last line: per cent, seconds, microseconds a call, calls, errors if there are any, and the word.
    fn sum(account: &str) -> Option<u64> {
        let line = account.lines().find(|line| line.ends_with(" total"))?;
        line.split_whitespace().nth(3)?.parse().ok()
    }
}

struct Instructions<const TIMED: bool>;

impl<const LIMITED: bool> Count for Instructions<LIMITED> {
    const NAME: &'static str = match LIMITED {
        false => "echo_instructions",
        true => "echo_timeout_instructions",
    };
    const WHAT: &'static str = match LIMITED {
        false => "instructions in user space of an echoed request at 64 connections, by callgrind",
        true => "the same with a timeout of 30 s around each read",
    };
    const PROGRAM: &'static Program = if LIMITED { &TIMED } else { &PLAIN };
    const BOUNDS: &'static [Bound] = match LIMITED {
        false => &[Bound::Ratio("tokio", 0.45)],
        true => &[Bound::Ratio("tokio", 0.40)],
    };

    const TOOL: &'static str = "valgrind";

    fn arguments(account: &Path) -> [OsString; 3] {
        let mut log = OsString::from("--log-file=");
        log.push(account);
        [
            "--tool=callgrind".into(),
            // Only the sum is wanted.
            "--callgrind-out-file=/dev/null".into(),
            log,
        ]
    }

    fn sum(account: &str) -> Option<u64> {
        let (_, sum) = account.split_once("Collected : ")?;
        sum.split_whitespace().next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_strace_is_that_of_calls() {
        let account = "% time     seconds  usecs/call     calls    errors syscall\n\
                       100.00    0.1          1       12         2 recvfrom\n\
                       ------ ----------- ----------- --------- --------- ----------------\n\
                       100.00    0.187142           3     48531       120 total\n";
        assert_eq!(Calls::sum(account), Some(48531));
    }

    #[test]
    fn the_sum_of_callgrind_is_that_of_what_it_collected() {
        let account = "==7== Events    : Ir\n==7== Collected : 123456\n==7==\n";
        assert_eq!(Instructions::<false>::sum(account), Some(123456));
    }
}
