//! What is counted: the paths that a program on Waterwheel takes most, each a program, and the list of all.
//!
//! Each asserts that all of its work was done: one that skips some would count for less.

mod sockets;
mod tasks;
mod timers;

use std::io;

/// A program that does some operation over and over.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What an operation is, in a line.
    pub(crate) what: &'static str,
    /// How many of them the short run makes: enough for all that grows to have grown. Of those that come in crowds, some crowds.
    pub(crate) operations: usize,
    pub(crate) run: fn(usize),
}

/// Tasks, or timers, that are there together.
const CROWD: usize = 1_000;

pub(crate) const ALL: &[Path] = &[
    Path {
        name: "spawn_join",
        what: "a task is spawned, runs, and is joined",
        operations: 2_000,
        run: tasks::spawn_join,
    },
    Path {
        name: "spawn_local",
        what: "a task, one of 1,000, is spawned by `spawn_local`, detached, and runs",
        operations: 5 * CROWD,
        run: tasks::spawn_local,
    },
    Path {
        name: "join_set",
        what: "a task, one of 1,000, is spawned in a `JoinSet`, runs, and is joined",
        operations: 5 * CROWD,
        run: tasks::join_set,
    },
    Path {
        name: "yield_many",
        what: "a task, one of 1,000, yields",
        operations: 5 * CROWD,
        run: tasks::yield_many,
    },
    Path {
        name: "ping_pong",
        what: "a task wakes another and waits until that has woken it",
        operations: 5_000,
        run: tasks::ping_pong,
    },
    Path {
        name: "remote_wake",
        what: "a task is woken by a thread outside of the runtime, and polled",
        operations: 2_000,
        run: tasks::remote_wake,
    },
    Path {
        name: "sleep_drop",
        what: "a sleep is made, polled, and dropped",
        operations: 5_000,
        run: timers::sleep_drop,
    },
    Path {
        name: "sleep_reset",
        what: "a pending sleep is moved to a later deadline",
        operations: 20_000,
        run: timers::sleep_reset,
    },
    Path {
        name: "timeout",
        what: "a future that yields once is awaited with a time limit",
        operations: 5_000,
        run: timers::timeout,
    },
    Path {
        name: "timers_fire",
        what: "a timer, one of 10,000, is polled, fires, and wakes who waits",
        operations: 2 * timers::MANY,
        run: timers::timers_fire,
    },
    Path {
        name: "echo",
        what: "64 bytes go to a task by a Unix stream and come back",
        operations: 2_000,
        run: sockets::echo,
    },
    Path {
        name: "echo_timeout",
        what: "64 bytes go to a task, which waits with a time limit, by TCP and come back",
        operations: 2_000,
        run: sockets::echo_timeout,
    },
    Path {
        name: "outbox_send",
        what: "64 bytes go by an `Outbox` with nothing queued, and are awaited",
        operations: 100 * sockets::BATCH,
        run: sockets::outbox_send,
    },
];

pub(crate) fn by_name(name: &str) -> io::Result<&'static Path> {
    let found = ALL.iter().find(|path| path.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|path| path.name).collect();
        io::Error::other(format!(
            "there is no path {name}; there are {}",
            names.join(", ")
        ))
    })
}
