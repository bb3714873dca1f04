//! Open files that [`AsyncFd`](crate::AsyncFd) has put into non-blocking mode, and their way back.
//!
//! The mode belongs to the open file, and others may have that too: the standard input of a program is, mostly, the terminal that the
//! shell goes on to read from. So what was put into non-blocking mode here is put back into blocking mode when it is let go.
//!
//! Several descriptors may be of one open file, as the standard streams of a terminal are. It goes back to blocking mode with the last
//! of them that is let go, so there is a list for each. It tells open files apart by what `fstat(2)` says and by their access mode, which
//! keeps the two ends of a pipe apart. Some look the same by that: a terminal that was opened twice; and all eventfds, timerfds and
//! other files without a name, which have one inode. Then `kcmp(2)` tells. Where the kernel refuses that too, they count as one.
//!
//! A child of `fork` shares the open file with its parent, and leaves the mode as its parent has set it.

use crate::sys::fd::{self, Identity};
use crate::sys::fork::{Lock, Locked, Process};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The open files that were put into non-blocking mode here and not back.
struct List {
    /// The process that has done so.
    process: Option<Process>,
    files: Vec<File>,
}

struct File {
    identity: Identity,
    /// Those that are to be let go before it is put back.
    users: Vec<RawFd>,
}

impl File {
    /// Whether it is that of a descriptor that looks the same.
    fn is_of(&self, fd: BorrowedFd<'_>, identity: Identity) -> bool {
        let differs = |user| fd::is_same_file(fd, user) == Some(false);
        self.identity == identity && !self.users.last().copied().is_some_and(differs)
    }
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
    let mut files = list.files.iter_mut();
    match files.find(|file| file.is_of(fd, identity)) {
        Some(file) => file.users.push(fd.as_raw_fd()),
        // Others have put it into that mode.
        None if !was_blocking => return Ok(None),
        None => {
            let users = vec![fd.as_raw_fd()];
            list.files.push(File { identity, users });
        }
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
    // The number is open, so it is in one list at most, unless somebody has put another open file in its place.
    let is_user = |user: &RawFd| *user == fd.as_raw_fd();
    let found = list.files.iter().enumerate().find_map(|(place, file)| {
        let user = file.users.iter().position(is_user);
        user.filter(|_| file.identity == identity)
            .map(|user| (place, user))
    });
    let Some((place, user)) = found else {
        return;
    };
    list.files[place].users.swap_remove(user);
    if list.files[place].users.is_empty() {
        list.files.swap_remove(place);
        // It fails for a descriptor that is not open, and then nothing is to be put back.
        let _ = fd::set_blocking(fd);
    }
}
