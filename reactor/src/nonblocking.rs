//! Open files that [`AsyncFd`](crate::AsyncFd) has put into non-blocking mode, and their way back.
//!
//! The mode belongs to the open file, and others may have that too: the standard input of a program is, mostly, the terminal that the
//! shell goes on to read from. So what was put into non-blocking mode here is put back into blocking mode when it is let go.
//!
//! Several descriptors may be of one open file, as the standard streams of a terminal are. It goes back to blocking mode with the last
//! of them that is let go, so there is a count for each. It tells open files apart by what `fstat(2)` says and by their access mode, which
//! keeps the two ends of a pipe apart. Where several open files look the same (a terminal that was opened twice), all but the
//! last to be let go stay in non-blocking mode.
//!
//! A child of `fork` shares the open file with its parent, and leaves the mode as its parent has set it.

use crate::sys::fd::{self, Identity};
use crate::sys::fork::{Lock, Locked, Process};
use std::io;
use std::os::fd::BorrowedFd;

/// The open files that were put into non-blocking mode here and not back.
struct List {
    /// The process that has done so.
    process: Option<Process>,
    files: Vec<File>,
}

struct File {
    identity: Identity,
    /// How many are to be let go before it is put back.
    users: usize,
}

impl List {
    const fn new() -> Self {
        Self {
            process: None,
            files: Vec::new(),
        }
    }
}

static LIST: Lock<List> = Lock::new(List::new(), List::new);

/// The list of the present process. A child begins with none.
fn list(here: Process) -> Locked<'static, List> {
    let mut list = LIST.lock();
    if list.process != Some(here) {
        list.process = Some(here);
        list.files.clear();
    }
    list
}

/// Puts the open file of `fd` into non-blocking mode. `Some`: it is to be [left](leave) with that.
pub(crate) fn enter(fd: BorrowedFd<'_>) -> io::Result<Option<Process>> {
    let here = Process::current();
    let mut list = list(here);
    let was_blocking = fd::set_nonblocking(fd)?;
    if !was_blocking && list.files.is_empty() {
        return Ok(None);
    }
    let identity = fd::identity(fd)?;
    let file = list.files.iter_mut().find(|file| file.identity == identity);
    match file {
        Some(file) => file.users += 1,
        // Others have put it into that mode.
        None if !was_blocking => return Ok(None),
        None => list.files.push(File { identity, users: 1 }),
    }
    Ok(Some(here))
}

/// Lets go of an open file that was [entered](enter) in that process, and puts it back into blocking mode if that was the last.
pub(crate) fn leave(fd: BorrowedFd<'_>, process: Process) {
    if !process.is_current() {
        return;
    }
    let mut list = list(process);
    let Ok(identity) = fd::identity(fd) else {
        return;
    };
    let place = list.files.iter().position(|file| file.identity == identity);
    let Some(place) = place else {
        return;
    };
    list.files[place].users -= 1;
    if list.files[place].users == 0 {
        list.files.swap_remove(place);
        // It fails for a descriptor that is not open, and then nothing is to be put back.
        let _ = fd::set_blocking(fd);
    }
}
