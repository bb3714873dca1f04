//! Processes of a test's own: for what would end the test's, or change it for the other tests.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Output};

const VARIABLE: &str = "WATERWHEEL_TEST_ROLE";

/// Whether this process was started by [`rerun`].
pub(crate) fn is_rerun() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs the test `name` of this binary again, in a process of its own, in which [`is_rerun`] holds.
///
/// Each signal has its default action there. This process may have been started with signals ignored, as a shell does with SIGINT for what it
/// runs in the background, and `nohup` with SIGHUP.
pub(crate) fn rerun(name: &str) -> Output {
    let binary = std::env::current_exe().expect("the test's own binary");
    let mut command = Command::new(binary);
    // SAFETY: `signal` is async-signal-safe, and takes no pointers.
    unsafe {
        command.pre_exec(|| {
            for signal in 1..=libc::SIGRTMAX() {
                // Refused where there is no action to choose: SIGKILL, SIGSTOP, and those of the C library.
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        });
    }
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, "rerun")
        // To look up the names in one takes each child that panics a second.
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the test runs again")
}

/// The same, for a test that is to pass there.
#[track_caller]
pub(crate) fn rerun_passes(name: &str) {
    let output = rerun(name);
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{name}, in a process of its own: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `child` in a child that `fork` makes of this thread, and gives what has become of it.
///
/// The child ends with the status that `child` returns, and with 101 when it panics. It runs neither destructors nor what is done at the
/// end of a process, and is killed after a minute.
pub(crate) fn fork(child: impl FnOnce() -> u8) -> ExitStatus {
    wait(spawn_forked(child))
}

/// The same, without waiting for it. Returns the child's number.
pub(crate) fn spawn_forked(child: impl FnOnce() -> u8) -> libc::pid_t {
    // SAFETY: the call takes no pointers. The child goes on with this thread alone, and takes locks that other threads may have held
    // only where the test is about that.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no child");
    if pid == 0 {
        run_and_exit(child);
    }
    pid
}

/// What a child does.
pub(crate) fn run_and_exit(child: impl FnOnce() -> u8) -> ! {
    // SAFETY: none of the calls takes a pointer.
    unsafe { libc::alarm(60) };
    let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
    // SAFETY: as above.
    unsafe { libc::_exit(status.into()) }
}

/// Waits for a child.
pub(crate) fn wait(pid: libc::pid_t) -> ExitStatus {
    let mut status = 0;
    // SAFETY: the status is written to a place of its type.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {
        let error = std::io::Error::last_os_error();
        assert_eq!(error.raw_os_error(), Some(libc::EINTR), "{error}");
    }
    ExitStatus::from_raw(status)
}

/// Runs `child` as [`fork`] does, and gives the message that it panicked with.
pub(crate) fn panic_in_fork<R>(child: impl FnOnce() -> R) -> Option<String> {
    use std::io::{Read, Write};
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    let pid = spawn_forked(move || {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::mem::forget(child());
        }));
        let Err(payload) = panic else {
            return 0;
        };
        writer
            .write_all(text_of(&*payload).as_bytes())
            .expect("the parent reads");
        1
    });
    let mut message = String::new();
    reader.read_to_string(&mut message).expect("text");
    match wait(pid).code() {
        Some(0) => None,
        Some(1) => Some(message),
        other => panic!("the child ended with {other:?}"),
    }
}

/// What a panic said.
pub(crate) fn text_of(payload: &(dyn std::any::Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    let text = owned.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("no text")
}
