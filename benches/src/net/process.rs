//! A server in a process of its own, so that its processor time and its heap are its own: this program once more, which
//! finds in its environment what it is to be ([`role`](super::role)).

use super::role::{Question, ROLE, arguments};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A server that is left alone: it has no thread but those of its runtime, as a second one makes system calls dearer. It is
/// killed when this is dropped.
pub(crate) struct Server {
    process: Child,
    clock: ClockId,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(program: &str, runtime: &str) -> io::Result<Self> {
        let (process, _, address) = start(&[], &format!("{program}:{runtime}"))?;
        let pid = Pid::from_raw(process.id() as i32);
        Ok(Self {
            process,
            clock: clock_getcpuclockid(pid)?,
            address,
        })
    }

    /// How long its threads have run, all together.
    pub(crate) fn processor_time(&self) -> Duration {
        let time = clock_gettime(self.clock).expect("it has not ended");
        Duration::from_nanos(time.num_nanoseconds() as u64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let killed = self.process.kill().and_then(|()| self.process.wait());
        if !thread::panicking() {
            killed.expect("a server lives until it is killed");
        }
    }
}

/// A server that is looked into: a thread of it answers questions. It ends by itself, and so that a tool it runs under can
/// give its account, when this is dropped.
pub(crate) struct Attended {
    /// Taken away to end it.
    control: Option<UnixStream>,
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Attended {
    /// Under a tool, if one is given; that is to run the program that its last arguments name.
    pub(crate) fn start(tool: &[OsString], program: &str, runtime: &str) -> io::Result<Self> {
        let (process, control, address) = start(tool, &format!("{program}:{runtime}:attended"))?;
        Ok(Self {
            control: Some(control),
            process,
            address,
        })
    }

    /// Begins to count what is on its heap.
    pub(crate) fn count_heap(&mut self) {
        self.ask(Question::CountHeap);
    }

    /// By how many bytes that has grown.
    pub(crate) fn heap(&mut self) -> i64 {
        self.ask(Question::Heap)
    }

    fn ask(&mut self, question: Question) -> i64 {
        let control = self.control.as_mut().expect("it has not ended");
        let mut answer = [0; 8];
        let asked = control.write_all(&[question as u8]);
        let answered = asked.and_then(|()| control.read_exact(&mut answer));
        // If the server has panicked, it has said why.
        answered.expect("the server answers");
        i64::from_le_bytes(answer)
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.control = None;
        let ended = self.process.wait();
        if !thread::panicking() {
            let status = ended.expect("it is waited for once");
            assert!(status.success(), "a server ends well, and not by {status}");
        }
    }
}

/// Starts a server, and waits until it listens.
fn start(tool: &[OsString], role: &str) -> io::Result<(Child, UnixStream, SocketAddr)> {
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
    let mut port = [0; 2];
    control.read_exact(&mut port)?;
    let address = (Ipv4Addr::LOCALHOST, u16::from_le_bytes(port));
    Ok((process, control, address.into()))
}
