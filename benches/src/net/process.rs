//! A server in a process of its own, so that its processor time and its heap are its own: this program once more, which
//! finds in its environment what it is to be ([`role`](super::role)).

use super::role::{COUNT_HEAP, ROLE, TELL_HEAP, arguments};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd;
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// For how long a server may run under a tool, which does not end with this process if that is killed.
const UNDER_A_TOOL: [&str; 2] = ["timeout", "600"];

/// A server that has not answered for so long never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server. It ends with this.
pub(crate) struct Server {
    /// Of the server, or of the tool that it runs under.
    process: Child,
    pid: Pid,
    control: UnixStream,
    clock: ClockId,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// With no thread but those of its runtime.
    pub(crate) fn start(program: &str, runtime: &str) -> io::Result<Self> {
        Self::run(&[], &format!("{program}:{runtime}"))
    }

    /// The same under a tool, that is to run the program which its last arguments name.
    pub(crate) fn start_under(tool: &[OsString], program: &str, runtime: &str) -> io::Result<Self> {
        let limit = UNDER_A_TOOL.map(OsString::from);
        Self::run(&[&limit, tool].concat(), &format!("{program}:{runtime}"))
    }

    /// With a thread that answers questions. It is not to be timed: where there is a second thread, system calls are dearer,
    /// in the kernel and in the C library.
    pub(crate) fn start_attended(program: &str, runtime: &str) -> io::Result<Self> {
        Self::run(&[], &format!("{program}:{runtime}:attended"))
    }

    fn run(tool: &[OsString], role: &str) -> io::Result<Self> {
        let (mut control, theirs) = UnixStream::pair()?;
        let mut line = tool.to_vec();
        line.push(env::current_exe()?.into());
        line.extend(arguments());
        let process = Command::new(&line[0])
            .args(&line[1..])
            .env(ROLE, role)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let (mut port, mut pid) = ([0; 2], [0; 4]);
        control.read_exact(&mut port)?;
        control.read_exact(&mut pid)?;
        control.set_read_timeout(Some(PATIENCE))?;
        let pid = i32::from_le_bytes(pid);
        Ok(Self {
            process,
            pid: Pid::from_raw(pid).expect("a process has a number"),
            control,
            clock: clock_getcpuclockid(unistd::Pid::from_raw(pid))?,
            address: (Ipv4Addr::LOCALHOST, u16::from_le_bytes(port)).into(),
        })
    }

    /// How long its threads have run, all together.
    pub(crate) fn processor_time(&self) -> Duration {
        let time = clock_gettime(self.clock).expect("it has not ended");
        Duration::from_nanos(time.num_nanoseconds() as u64)
    }

    /// Begins to count what is on the heap of an attended server.
    pub(crate) fn count_heap(&mut self) {
        self.order(COUNT_HEAP);
    }

    /// By how many bytes that has grown.
    pub(crate) fn heap(&mut self) -> u64 {
        self.order(TELL_HEAP)
    }

    /// Gives an order to a program that takes them, and waits for its answer.
    pub(crate) fn order(&mut self, order: u64) -> u64 {
        let mut answer = [0; 8];
        let ordered = self.control.write_all(&order.to_le_bytes());
        let answered = ordered.and_then(|()| self.control.read_exact(&mut answer));
        // If the server has panicked, it has said why.
        answered.expect("the server answers");
        u64::from_le_bytes(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A tool ends with what it runs, and gives its account then.
        let ended = kill_process(self.pid, Signal::TERM).map_err(io::Error::from);
        let ended = ended.and_then(|()| self.process.wait());
        if !thread::panicking() {
            ended.expect("a server lives until it is told to end");
        }
    }
}
