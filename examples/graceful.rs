//! A server that ends in good order: at ctrl-c or SIGTERM it stops accepting, lets its connections finish, and tells what was left.
//!
//!     cargo run --release --example graceful                       connections and a ctrl-c of its own, to see it work
//!     cargo run --release --example graceful -- 127.0.0.1:7000     serves; talk to it by `nc 127.0.0.1 7000`, and press ctrl-c
//!
//! A connection sends lines, and gets each back after a second of work. Who is in the middle of that when the server is told
//! to end has five seconds to come to an end; who has not by then is cut off, and counted.

use std::io;
use std::time::{Duration, Instant};
use waterwheel::net::{BufReader, ServeOptions, TcpListener, TcpStream, serve};
use waterwheel::signal::{SignalKind, ctrl_c, signal};
use waterwheel::{block_on, sleep, spawn};

const WORK: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    block_on(async {
        match std::env::args().nth(1) {
            Some(address) => {
                let listener = TcpListener::bind(address.as_str()).await?;
                println!("listening on {}; ctrl-c ends it", listener.local_addr()?);
                run(listener).await
            }
            None => show().await,
        }
    })
}

async fn run(listener: TcpListener) -> io::Result<()> {
    let options = ServeOptions::new().on_error(|peer, error| match peer {
        Some(peer) => eprintln!("{peer}: {error}"),
        None => eprintln!("accepting: {error}"),
    });
    let server = serve(listener, options, |stream, _peer| answer(stream));
    let mut terminate = signal(SignalKind::terminate())?;
    let told = async {
        let (pressed, terminated) = (ctrl_c(), terminate.recv());
        futures_util::pin_mut!(pressed, terminated);
        let _ = futures_util::future::select(pressed, terminated).await;
        println!("told to end: no more is accepted, and {GRACE:?} are left for the rest");
    };
    let report = server.until(told, GRACE).await;
    println!("{report:?}");
    Ok(())
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    while let Some(line) = reader.read_line().await? {
        sleep(WORK).await;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}

/// Three clients: one is done before the end, one is in the middle of it, one never says a word. And a ctrl-c after two seconds.
async fn show() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let began = Instant::now();
    let at = move || format!("{:.1} s", began.elapsed().as_secs_f64());
    let server = spawn(run(listener));

    let early = spawn(async move {
        let stream = TcpStream::connect(address).await?;
        let answer = ask(&stream, "early").await?;
        println!("{}: {answer:?} has been answered", at());
        io::Result::Ok(())
    });
    let busy = spawn(async move {
        let stream = TcpStream::connect(address).await?;
        sleep(WORK + WORK / 2).await;
        let answer = ask(&stream, "busy").await?;
        println!(
            "{}: {answer:?} has been answered, though the server is ending",
            at()
        );
        io::Result::Ok(())
    });
    let silent = spawn(async move {
        let stream = TcpStream::connect(address).await?;
        let end = stream.read(&mut [0; 16]).await;
        println!("{}: who has said nothing is cut off: {end:?}", at());
        io::Result::Ok(())
    });

    sleep(2 * WORK).await;
    println!("{}: ctrl-c", at());
    let pid = std::process::id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()?;

    for client in [early, busy, silent] {
        client.await.expect("no panic")?;
    }
    server.await.expect("no panic")?;
    let took = began.elapsed();
    assert!(
        took >= 2 * WORK + GRACE,
        "the silent one had its time: {took:?}"
    );
    Ok(())
}

async fn ask(stream: &TcpStream, line: &str) -> io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut reader = BufReader::new(stream);
    let answer = reader.read_line().await?;
    answer
        .map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
