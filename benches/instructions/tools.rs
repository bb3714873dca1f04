//! What a count depends on beside the code: the compiler, the C library, valgrind.

use std::io;
use std::process::Command;

/// The tools in use, a line each: those of the record must be the same to compare with it.
pub(crate) fn in_use() -> io::Result<Vec<String>> {
    let host = said("rustc", &["-vV"])?;
    let host = host.lines().find(|line| line.starts_with("host: "));
    Ok(vec![
        said("rustc", &["--version"])?,
        host.unwrap_or("host: unknown").to_owned(),
        said("getconf", &["GNU_LIBC_VERSION"])?,
        said("valgrind", &["--version"])?,
    ])
}

fn said(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "{program} {arguments:?} failed: {output:?}"
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
