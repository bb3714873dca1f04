//! A chat room: `cargo run --release --example chat -- 127.0.0.1:7000`, then `nc 127.0.0.1 7000` as often as you like.
//!
//! The first line that a guest sends is their name; each further line goes to everybody else. A line is one allocation,
//! however many guests there are: each guest's outbox holds a reference to it. Who does not read is not waited for, and
//! sent away when too much is queued for them.
//!
//! Without an address it lets three guests talk to each other, and ends.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use waterwheel::net::{BufReader, Message, Outbox, ServeOptions, TcpListener, TcpStream, serve};

/// How long a line may be, in bytes.
const LONGEST_LINE: usize = 1024;

#[derive(Default)]
struct Room {
    guests: Mutex<HashMap<String, Arc<Outbox<TcpStream>>>>,
}

impl Room {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<String, Arc<Outbox<TcpStream>>>) -> R) -> R {
        f(&mut self.guests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a line to all but one.
    fn say(&self, from: &str, line: String) {
        let line: Arc<str> = line.into();
        self.with(|guests| {
            guests.retain(|name, outbox| {
                if name != from {
                    drop(outbox.send(Message::from(Arc::clone(&line))));
                }
                let reads = !outbox.is_over();
                if !reads {
                    // Their own task sees the end, and ends.
                    let _ = outbox.get_ref().shutdown(Shutdown::Both);
                }
                reads
            });
        });
    }
}

/// Greets a guest, and passes on what they say.
async fn host(room: Arc<Room>, stream: TcpStream) -> io::Result<()> {
    let outbox = Arc::new(Outbox::new(stream));
    let mut reader = BufReader::with_limit(outbox.get_ref(), LONGEST_LINE);
    outbox.send("Who are you?\n").await?;
    let Some(name) = reader.read_line().await?.map(str::to_owned) else {
        return Ok(());
    };
    let taken = room.with(|guests| {
        let taken = guests.contains_key(&name);
        guests
            .entry(name.clone())
            .or_insert_with(|| Arc::clone(&outbox));
        taken
    });
    if taken {
        return outbox.send(format!("There is a {name} already.\n")).await;
    }
    room.say(&name, format!("* {name} is here\n"));
    let ended = listen(&room, &name, &mut reader).await;
    room.with(|guests| guests.remove(&name));
    room.say(&name, format!("* {name} has left\n"));
    ended
}

async fn listen(room: &Room, name: &str, reader: &mut BufReader<&TcpStream>) -> io::Result<()> {
    while let Some(line) = reader.read_line().await? {
        room.say(name, format!("{name}: {line}\n"));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    waterwheel::block_on(async {
        let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
        let address_in_use = listener.local_addr()?;
        println!("chat: at {address_in_use}");
        let room = Arc::new(Room::default());
        let options = ServeOptions::new().on_error(|peer, error| match peer {
            Some(peer) => eprintln!("chat: {peer}: {error}"),
            None => eprintln!("chat: cannot accept: {error}"),
        });
        let server = serve(listener, options, move |stream, _| {
            host(Arc::clone(&room), stream)
        });
        if address.is_some() {
            std::future::pending::<()>().await;
        }
        let guests =
            ["Ada", "Bob", "Cyd"].map(|name| waterwheel::spawn(guest(address_in_use, name)));
        for guest in guests {
            guest.await??;
        }
        let report = server.until(async {}, Duration::from_secs(5)).await;
        println!("chat: {} guests were here", report.finished);
        Ok(())
    })
}

/// Comes, waits until all three are there, says something, hears the others say it, and leaves.
async fn guest(address: std::net::SocketAddr, name: &'static str) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut heard = BufReader::new(&stream);
    heard.read_line().await?;
    stream.write_all(format!("{name}\n").as_bytes()).await?;
    // Who comes first is told of the others; who comes last speaks first, and that tells those in between.
    let mut said = 0;
    let mut spoken = false;
    let mut here = 0;
    while said < 2 {
        if !spoken && (here + said > 0 || name == "Cyd") {
            stream
                .write_all(format!("hello from {name}\n").as_bytes())
                .await?;
            spoken = true;
        }
        let Ok(line) = waterwheel::timeout(Duration::from_millis(200), heard.read_line()).await
        else {
            break;
        };
        let Some(line) = line? else { break };
        println!("{name} hears «{line}»");
        if line.ends_with("is here") {
            here += 1;
        } else if line.contains(": ") {
            said += 1;
        }
    }
    Ok(())
}
