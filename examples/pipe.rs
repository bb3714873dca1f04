//! A pipe to a child and one from it, awaited through `AsyncFd`: `cargo run --example pipe`.
//!
//! The child is `tr a-z A-Z`. One task writes to it while another reads what it answers, as either pipe may be full.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::Command;
use waterwheel::reactor::{AsyncFd, Interest};

const LINES: usize = 10_000;

fn main() -> io::Result<()> {
    waterwheel::block_on(async {
        let (their_input, input) = io::pipe()?;
        let (output, their_output) = io::pipe()?;
        // The ends that the child has are closed here when the command is dropped, at the end of the statement.
        let mut child = Command::new("tr")
            .args(["a-z", "A-Z"])
            .stdin(their_input)
            .stdout(their_output)
            .spawn()?;
        // Ours are put in non-blocking mode; the child's ends are files of their own, and block.
        let (input, output) = (AsyncFd::new(input)?, AsyncFd::new(output)?);

        let writing = waterwheel::spawn(async move {
            let text = "streams of water turn the wheel\n".repeat(LINES);
            let mut written = 0;
            while written < text.len() {
                let rest = &text.as_bytes()[written..];
                let write = |mut pipe: &PipeWriter| pipe.write(rest);
                written += input.async_io(Interest::Write, write).await?;
            }
            // The pipe is closed here, and the child comes to the end of its input.
            io::Result::Ok(written)
        });

        let mut answer = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = |mut pipe: &PipeReader| pipe.read(&mut buffer);
            match output.async_io(Interest::Read, read).await? {
                0 => break,
                count => answer.extend_from_slice(&buffer[..count]),
            }
        }
        let written = writing.await.expect("the writer does not panic")?;
        child.wait()?;
        let first = String::from_utf8_lossy(answer.split(|&b| b == b'\n').next().unwrap_or(&[]));
        println!(
            "pipe: wrote {written} bytes, read {}: {first}",
            answer.len()
        );
        Ok(())
    })
}
