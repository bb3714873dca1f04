//! A server in a process of its own, so that its processor time and its heap are its own: this program once more, which
//! finds in its environment what it is to be.
//!
//! The two share a socket, the server's standard input. The server sends its port, and answers questions by a thread that
//! sleeps otherwise; when the socket closes, which the death of its parent does, too, the server ends.

use super::Pinned;
use crate::allocator::Counter;
use crate::workloads::net::serve;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio, exit};
use std::thread;
use std::time::Duration;

/// Names what a process is to serve, and on which runtime, with a colon between.
const ROLE: &str = "WATERWHEEL_BENCH_SERVER";

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What a server is asked. Each is answered by eight bytes.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Question {
    /// The processor time of the process, in nanoseconds.
    Processor = b'p',
    /// To count the heap from here on; the answer is 0.
    CountHeap = b'c',
    /// By how many bytes the heap has grown since.
    Heap = b'h',
}

/// A server, seen from without. It ends with this.
pub(crate) struct Server {
    /// Taken away to end it.
    control: Option<UnixStream>,
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(program: &str, runtime: &str) -> io::Result<Self> {
        Self::start_under(&[], program, runtime)
    }

    /// Under a tool, which is given the program to run as its last arguments.
    pub(crate) fn start_under(tool: &[OsString], program: &str, runtime: &str) -> io::Result<Self> {
        let (mut control, theirs) = UnixStream::pair()?;
        let mut line = tool.to_vec();
        line.push(env::current_exe()?.into());
        line.extend(arguments());
        let process = Command::new(&line[0])
            .args(&line[1..])
            .env(ROLE, format!("{program}:{runtime}"))
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let mut port = [0; 2];
        control.read_exact(&mut port)?;
        Ok(Self {
            control: Some(control),
            process,
            address: (Ipv4Addr::LOCALHOST, u16::from_le_bytes(port)).into(),
        })
    }

    /// How long its threads have run.
    pub(crate) fn processor_time(&mut self) -> Duration {
        let nanos = self.ask(Question::Processor);
        Duration::from_nanos(nanos.try_into().expect("a clock is not negative"))
    }

    pub(crate) fn count_heap(&mut self) {
        self.ask(Question::CountHeap);
    }

    pub(crate) fn heap(&mut self) -> i64 {
        self.ask(Question::Heap)
    }

    fn ask(&mut self, question: Question) -> i64 {
        let control = self.control.as_mut().expect("it has not ended");
        let mut answer = [0; 8];
        // If the server has panicked, it has said why.
        control
            .write_all(&[question as u8])
            .expect("the server lives");
        control.read_exact(&mut answer).expect("the server answers");
        i64::from_le_bytes(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.control = None;
        let ended = self.process.wait();
        if !thread::panicking() {
            assert!(
                ended.is_ok_and(|status| status.success()),
                "a server ends well"
            );
        }
    }
}

/// With which this program serves, if it is asked to: in a test it is not `main` that runs.
fn arguments() -> impl Iterator<Item = OsString> {
    let arguments: &[&str] = if cfg!(test) {
        &[
            "--exact",
            "net::process::tests::is_a_server",
            "--ignored",
            "--nocapture",
        ]
    } else {
        &[]
    };
    arguments.iter().map(OsString::from)
}

/// If this process was started as a server, it is one, and this does not return.
pub(crate) fn serve_if_asked() -> io::Result<()> {
    let Ok(role) = env::var(ROLE) else {
        return Ok(());
    };
    let (program, runtime) = role.split_once(':').expect("a program and a runtime");
    // All its threads, as all are started from here.
    let _pinned = Pinned::server()?;
    let listener = listener()?;
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    control.write_all(&listener.local_addr()?.port().to_le_bytes())?;
    thread::spawn(move || answer(control));
    serve(program, runtime, listener)?;
    unreachable!("a server ends when its parent lets go of it");
}

/// Answers, and ends the process when there is nobody to ask.
fn answer(mut control: UnixStream) {
    let mut counter = None;
    let mut question = [0];
    while control.read_exact(&mut question).is_ok() {
        let answer = match question[0] {
            question if question == Question::Processor as u8 => processor_time(),
            question if question == Question::CountHeap as u8 => {
                counter = Some(Counter::start());
                0
            }
            question if question == Question::Heap as u8 => {
                counter.take().expect("it counts").stop()
            }
            other => unreachable!("nobody asks {other}"),
        };
        if control.write_all(&answer.to_le_bytes()).is_err() {
            break;
        }
    }
    exit(0);
}

/// Of all threads of this process, in nanoseconds.
fn processor_time() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The same for every runtime: it does not block, and its connections do not wait for acknowledgements, which they have from it.
fn listener() -> io::Result<TcpListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    /// No test: what the servers of the tests run.
    #[test]
    #[ignore = "it does nothing unless a test starts it as a server"]
    fn is_a_server() -> std::io::Result<()> {
        super::serve_if_asked()
    }
}
