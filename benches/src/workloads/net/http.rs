//! hyper 1 answers what wrk asks: on Waterwheel, by its own `rt`, and on tokio's current-thread runtime, by hyper-util's.
//!
//! wrk is not ours, and its count is taken at its word; it must not report an error.

use super::GROUP;
use super::counts::find;
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::net::{Net, Pinned, Server, Tokio, Waterwheel};
use crate::workloads::{Entry, Unit};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;
use std::{io, str};
use waterwheel::net::PollStream;

/// What its process is told to be.
const PROGRAM: &str = "http";

const RUNTIMES: [&str; 2] = [Waterwheel::NAME, Tokio::NAME];

/// One thread, 64 connections, for so long.
const LOAD: [&str; 3] = ["-t1", "-c64", "-d2s"];

pub(super) fn all() -> Vec<Entry> {
    vec![Entry {
        group: GROUP,
        name: PROGRAM,
        what: "hyper answers wrk on 64 connections; the server's processor time for a request",
        unit: Unit::Time,
        pace: Pace::Single,
        quick: true,
        bounds: vec![],
        contestants: || {
            if find("wrk").is_none() {
                let lacks = "wrk is not here to ask";
                return Err(io::Error::new(io::ErrorKind::Unsupported, lacks));
            }
            RUNTIMES.into_iter().map(contestant).collect()
        },
    }]
}

fn contestant(runtime: &'static str) -> io::Result<Contestant> {
    let server = Server::start(PROGRAM, runtime)?;
    let address = format!("http://{}/", server.address);
    Ok(Contestant {
        name: runtime,
        measure: Box::new(move |_| {
            let _pinned = Pinned::load().expect("a thread may move, and who it starts");
            let (began, before) = (Instant::now(), server.processor_time());
            let output = Command::new("wrk").args(LOAD).arg(&address).output();
            let (took, spent) = (began.elapsed(), server.processor_time() - before);
            let output = output.expect("wrk runs");
            let account = str::from_utf8(&output.stdout).expect("wrk writes text");
            let requests = requests(account).unwrap_or_else(|| panic!("wrk says:\n{account}"));
            let mut sample = Sample::new(took, spent.as_secs_f64() / requests);
            sample.asides = vec![Aside {
                name: "requests a second",
                unit: Unit::Count,
                value: requests / took.as_secs_f64(),
            }];
            sample
        }),
    })
}

/// How many were answered, if all were answered well.
fn requests(account: &str) -> Option<f64> {
    if account.contains("errors") || account.contains("Non-2xx") {
        return None;
    }
    let line = account
        .lines()
        .find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    (requests > 0.0).then_some(requests)
}

/// Whether a server's process is to be this.
pub(super) fn is(program: &str) -> bool {
    program == PROGRAM
}

/// In that process: runs for ever.
pub(super) fn serve(runtime: &str, listener: TcpListener) -> io::Result<()> {
    match runtime {
        Waterwheel::NAME => Waterwheel::block_on(on_waterwheel(listener)),
        _ => Tokio::block_on(on_tokio(listener)),
    }
}

async fn on_waterwheel(listener: TcpListener) -> io::Result<()> {
    let listener = Waterwheel::listener(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let stream = PollStream::new(stream);
        let connection = Builder::new().serve_connection(stream, service_fn(answer));
        drop(waterwheel::spawn(connection));
    }
}

async fn on_tokio(listener: TcpListener) -> io::Result<()> {
    let listener = Tokio::listener(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let stream = TokioIo::new(stream);
        let connection = Builder::new().serve_connection(stream, service_fn(answer));
        drop(tokio::spawn(connection));
    }
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = Bytes::from_static(b"Water turns the wheel.\n");
    Ok(Response::new(Full::new(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_believed_unless_it_reports_an_error() {
        let well = "  1 threads and 64 connections\n  123456 requests in 2.00s, 17.66MB read\n";
        assert_eq!(requests(well), Some(123456.0));
        let socket = format!("{well}  Socket errors: connect 0, read 1, write 0, timeout 0\n");
        assert_eq!(requests(&socket), None);
        let status = format!("{well}  Non-2xx or 3xx responses: 7\n");
        assert_eq!(requests(&status), None);
    }
}
