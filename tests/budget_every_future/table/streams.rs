//! Futures of `net`: what reads and writes streams, and what is built on them.

use super::sockets::name;
use super::{Kind, Row, row};
use futures_util::StreamExt;
use std::fs::File;
use std::future::ready;
use std::io::{self, IoSliceMut};
use std::net::Shutdown;
use std::time::{Duration, Instant};
use waterwheel::net::{
    BufReader, Outbox, ServeOptions, Server, UnixListener, UnixStream, copy, copy_bidirectional,
    read_chunk, send_file, serve,
};
use waterwheel::reactor::Interest;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair")
}

/// A stream to which that has come, and then the end.
fn come(bytes: &[u8]) -> UnixStream {
    let (ours, theirs) = pair();
    assert_eq!(theirs.try_write(bytes).expect("room"), bytes.len());
    ours
}

/// A stream that has come to its end.
fn ended() -> UnixStream {
    come(b"")
}

/// Something that has no end for long: 32 KiB of lines.
fn lines() -> BufReader<UnixStream> {
    BufReader::new(come(&b"a\n".repeat(16 << 10)))
}

/// A server to which nobody comes.
fn server() -> Server {
    let listener = UnixListener::bind_addr(&name()).expect("a listener");
    serve(listener, ServeOptions::default(), |_stream, _peer| {
        ready(io::Result::Ok(()))
    })
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!(
            Ready,
            "Future for net::AsyncIo",
            "an operation that always succeeds",
            {
                let (a, _b) = pair();
            },
            {
                let told = a.async_io(Interest::Write, || Ok(1)).await;
                assert_eq!(told.expect("no call was made"), 1);
            }
        ),
        row!(
            Ready,
            "Future for net::Read",
            "to no buffer",
            {
                let (a, _b) = pair();
            },
            {
                assert_eq!(a.read(&mut []).await.expect("nothing to read"), 0);
            }
        ),
        row!(
            Ready,
            "Future for net::Read",
            "at the end",
            {
                let a = ended();
            },
            {
                assert_eq!(a.read(&mut [0]).await.expect("the end"), 0);
            }
        ),
        row!(
            Ready,
            "Future for net::Read",
            "there is more",
            {
                let (a, b) = pair();
            },
            {
                a.try_write(b"x").expect("room");
                assert_eq!(b.read(&mut [0]).await.expect("it is there"), 1);
            }
        ),
        row!(
            Ready,
            "Future for net::ReadVectored",
            "to no buffer",
            {
                let (a, _b) = pair();
            },
            {
                a.read_vectored(&mut [IoSliceMut::new(&mut [])])
                    .await
                    .expect("nothing to read");
            }
        ),
        row!(
            Ready,
            "Future for net::ReadExact",
            "of nothing",
            {
                let (a, _b) = pair();
            },
            {
                a.read_exact(&mut []).await.expect("nothing to read");
            }
        ),
        row!(
            Ready,
            "Future for net::ReadExact",
            "at the end",
            {
                let a = ended();
            },
            {
                a.read_exact(&mut [0]).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "Future for net::Peek",
            "to no buffer",
            {
                let (a, _b) = pair();
            },
            {
                a.peek(&mut []).await.expect("nothing to read");
            }
        ),
        row!(
            Ready,
            "Future for net::Peek",
            "what has come is left",
            {
                let a = come(b"x");
            },
            {
                assert_eq!(a.peek(&mut [0]).await.expect("it is there"), 1);
            }
        ),
        row!(
            Ready,
            "Future for net::Write",
            "of nothing",
            {
                let (a, _b) = pair();
            },
            {
                assert_eq!(a.write(&[]).await.expect("nothing to write"), 0);
            }
        ),
        row!(
            Ready,
            "Future for net::Write",
            "there is room",
            {
                let (a, b) = pair();
            },
            {
                a.write(b"x").await.expect("room");
                b.try_read(&mut [0]).expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::WriteAll",
            "of nothing",
            {
                let (a, _b) = pair();
            },
            {
                a.write_all(&[]).await.expect("nothing to write");
            }
        ),
        row!(
            Ready,
            "Future for net::WriteAll",
            "the peer has gone",
            {
                let a = ended();
            },
            {
                a.write_all(b"x").await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "Future for net::ReadChunk",
            "of nothing",
            {
                let (a, _b) = pair();
            },
            {
                read_chunk(&a, 0, |bytes| assert!(bytes.is_empty()))
                    .await
                    .expect("nothing to read");
            }
        ),
        row!(
            Ready,
            "Future for net::ReadChunk",
            "at the end",
            {
                let a = ended();
            },
            {
                read_chunk(&a, 10, |bytes| assert!(bytes.is_empty()))
                    .await
                    .expect("the end");
            }
        ),
        row!(
            Ready,
            "Future for net::FillBuf",
            "what has been read is left",
            {
                let mut reader = lines();
            },
            {
                assert!(!reader.fill_buf().await.expect("lines").is_empty());
            }
        ),
        row!(
            Ready,
            "Future for net::ReadUntil",
            "what has been read is enough",
            {
                let mut reader = lines();
            },
            {
                if reader.read_until(b'\n').await.expect("lines").is_empty() {
                    reader = lines();
                }
            }
        ),
        row!(
            Ready,
            "Future for net::ReadUntil",
            "at the end",
            {
                let mut reader = BufReader::new(ended());
            },
            {
                assert!(reader.read_until(b'\n').await.expect("the end").is_empty());
            }
        ),
        row!(
            Ready,
            "Future for net::ReadUntil",
            "what has been read is too much",
            {
                let mut reader = BufReader::with_limit(come(b"too long"), 4);
            },
            {
                reader.read_until(b'\n').await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "Future for net::ReadLine",
            "what has been read is enough",
            {
                let mut reader = lines();
            },
            {
                if reader.read_line().await.expect("lines").is_none() {
                    reader = lines();
                }
            }
        ),
        row!(
            Ready,
            "Future for net::ReadLine",
            "what has been read is no text",
            {
                let mut reader = BufReader::new(come(b"\xff\n"));
            },
            {
                reader.read_line().await.unwrap_err();
            }
        ),
        Row::of(
            Kind::Ready,
            "Stream for net::Lines",
            "what has been read is enough",
            |rounds| async move {
                loop {
                    let mut reader = lines();
                    let mut lines = reader.lines();
                    while let Some(line) = lines.next().await {
                        assert_eq!(line.expect("text"), "a");
                        rounds.one();
                    }
                }
            },
        ),
        row!(
            Ready,
            "Stream for net::Lines",
            "after the end",
            {
                let mut reader = BufReader::new(ended());
                let mut lines = reader.lines();
            },
            {
                assert!(lines.next().await.is_none());
            }
        ),
        row!(
            Ready,
            "Future for net::Sent",
            "at once",
            {
                let (a, b) = pair();
                let outbox = Outbox::new(a);
            },
            {
                outbox.send(vec![1]).await.expect("room");
                b.try_read(&mut [0]).expect("it is there");
            }
        ),
        row!(
            Ready,
            "Future for net::Sent",
            "the peer has gone",
            {
                let outbox = Outbox::new(ended());
            },
            {
                outbox.send(vec![1]).await.unwrap_err();
            }
        ),
        row!(
            Ready,
            "Future for net::Ready",
            "there is room",
            {
                let (a, _b) = pair();
                let outbox = Outbox::new(a);
            },
            {
                outbox.ready().await.expect("room");
            }
        ),
        row!(
            Ready,
            "Future for net::Close",
            "of an empty one",
            {
                let (a, _b) = pair();
                let outbox = Outbox::new(a);
            },
            {
                outbox.close(Instant::now() + Duration::from_secs(60)).await;
            }
        ),
        row!(
            Ready,
            "Future for net::Close",
            "that has failed",
            {
                let outbox = Outbox::new(ended());
            },
            {
                drop(outbox.send(vec![1]));
                outbox.close(Instant::now()).await;
            }
        ),
        row!(
            Ready,
            "Future for net::Copying",
            "of nothing",
            {
                let (a, (b, _peer)) = (ended(), pair());
            },
            {
                assert_eq!(copy(&a, &b).await.expect("the end"), 0);
            }
        ),
        row!(
            Ready,
            "Future for net::CopyBidirectional",
            "of nothing",
            {
                let ((a, a_peer), (b, b_peer)) = (pair(), pair());
                a_peer.shutdown(Shutdown::Write).expect("a peer");
                b_peer.shutdown(Shutdown::Write).expect("a peer");
            },
            {
                assert_eq!(copy_bidirectional(&a, &b).await.expect("both ends"), (0, 0));
            }
        ),
        row!(
            Ready,
            "Future for net::SendFile",
            "of nothing",
            {
                let (file, (a, _b)) = (File::open("/proc/self/exe").expect("a file"), pair());
            },
            {
                assert_eq!(
                    send_file(&file, 0, 0, &a).await.expect("nothing to send"),
                    0
                );
            }
        ),
        row!(
            Ready,
            "Future for net::SendFile",
            "beyond the end",
            {
                let (file, (a, _b)) = (File::open("/dev/null").expect("a file"), pair());
            },
            {
                assert_eq!(
                    send_file(&file, 10, 10, &a).await.expect("nothing to send"),
                    0
                );
            }
        ),
        row!(
            Ready,
            "Future for net::SendFile",
            "from where no file goes",
            {
                let (file, (a, _b)) = (File::open("/dev/null").expect("a file"), pair());
            },
            {
                let _ = send_file(&file, u64::MAX, 10, &a).await;
            }
        ),
        row!(
            Ready,
            "Future for net::ServerShutdown",
            "of one that is down",
            {
                let server = server();
                server.shutdown(Instant::now()).await;
            },
            {
                server.shutdown(Instant::now()).await;
            }
        ),
        row!(Waits, "net::Server::until", "at once", {
            server().until(ready(()), Duration::ZERO).await;
        }),
    ]
}
