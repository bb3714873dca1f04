//! Lines come whole, however they are cut, limited, and cancelled.

mod support;

use futures_util::StreamExt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use support::{Random, block_on, pair, pair_with_std};
use waterwheel::net::{BufReader, read_chunk};

const SEED: u64 = 0x0011_4e5e_ed00_0001;

/// A line that tells its number and its length.
fn line(number: usize, random: &mut Random) -> String {
    let most = [1, 20, 200, 20_000][random.up_to(4) - 1];
    format!("{number} {}", "x".repeat(random.up_to(most) - 1))
}

/// Each read is polled and dropped, many times, between the pieces in which the lines come.
#[test]
fn cancelled_reads_lose_nothing() -> io::Result<()> {
    block_on(async {
        println!("seed {SEED:#x}");
        let (ours, mut theirs) = pair_with_std()?;
        const LINES: usize = 2_000;
        let writer = thread::spawn(move || -> io::Result<()> {
            let mut random = Random(SEED);
            let mut text = Vec::new();
            for number in 0..LINES {
                let end = ["\n", "\r\n"][number % 2];
                text.extend((line(number, &mut random) + end).into_bytes());
            }
            let mut rest = &text[..];
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(random.up_to(9_000).min(rest.len()));
                theirs.write_all(piece)?;
                rest = behind;
            }
            Ok(())
        });
        let mut reader = BufReader::new(ours);
        let mut expected = Random(SEED);
        let mut cancelled = 0;
        for number in 0..LINES {
            loop {
                let mut reading = reader.read_line();
                let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut reading).poll(cx))).await;
                if let Poll::Ready(read) = polled {
                    let expected = line(number, &mut expected);
                    assert_eq!(read?, Some(&*expected), "line {number}, seed {SEED:#x}");
                    break;
                }
                drop(reading);
                cancelled += 1;
                reader.get_ref().readable().await?;
            }
        }
        assert!(cancelled > 0);
        assert_eq!(reader.read_line().await?, None);
        writer.join().expect("the writer")
    })
}

#[test]
fn a_line_beyond_the_limit_is_an_error_and_stays() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        let mut reader = BufReader::with_limit(server, 10);
        client
            .write_all(b"0123456789\n0123456789\r\nmore than ten\nlast")
            .await?;
        drop(client);
        assert_eq!(reader.read_line().await?, Some("0123456789"));
        // The end is `\n`; a `\r` before it counts.
        for _ in 0..2 {
            let error = reader.read_line().await.expect_err("too long");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains("10 bytes"), "{error}");
        }
        assert!(reader.buffer().starts_with(b"0123456789\r\nmore"));
        reader.consume(12);
        assert!(reader.read_line().await.is_err());
        reader.consume(14);
        assert_eq!(reader.read_line().await?, Some("last"));
        assert_eq!(reader.read_line().await?, None);
        Ok(())
    })
}

/// The limit is of memory: a peer that never ends its line is found out.
#[test]
fn an_endless_line_is_an_error_before_it_has_come() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let writer = thread::spawn(move || while theirs.write_all(&[b'x'; 10_000]).is_ok() {});
        let mut reader = BufReader::with_limit(ours, 100_000);
        let error = reader.read_line().await.expect_err("endless");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(reader.buffer().len() < 400_000);
        drop(reader);
        writer.join().expect("the writer");
        Ok(())
    })
}

#[test]
fn a_line_that_is_no_text_is_given_as_bytes() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.write_all(b"caf\xe9\nfine\n").await?;
        let mut reader = BufReader::new(server);
        let error = reader.read_line().await.expect_err("latin-1");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(reader.read_until(b'\n').await?, b"caf\xe9\n");
        assert_eq!(reader.read_line().await?, Some("fine"));
        Ok(())
    })
}

#[test]
fn a_carriage_return_is_part_of_the_end_only_before_a_newline() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.write_all(b"a\rb\r\r\n\r\nlast\r").await?;
        drop(client);
        let mut reader = BufReader::new(server);
        assert_eq!(reader.read_line().await?, Some("a\rb\r"));
        assert_eq!(reader.read_line().await?, Some(""));
        assert_eq!(reader.read_line().await?, Some("last\r"));
        assert_eq!(reader.read_line().await?, None);
        Ok(())
    })
}

#[test]
fn a_stream_of_lines_ends_after_an_error_and_the_reader_goes_on() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        client.write_all(b"one\ntoo long\ntwo\n").await?;
        drop(client);
        let mut reader = BufReader::with_limit(Arc::new(server), 5);
        let mut lines = reader.lines();
        assert_eq!(lines.next().await.expect("a line")?, "one");
        assert!(lines.next().await.expect("an error").is_err());
        assert!(lines.next().await.is_none());
        drop(lines);
        let (stream, rest) = {
            let bytes = reader.buffer().len();
            assert!(bytes >= 6);
            reader.consume(9);
            assert_eq!(reader.read_line().await?, Some("two"));
            reader.into_parts()
        };
        assert!(rest.is_empty());
        assert_eq!(stream.read(&mut [0; 8]).await?, 0);
        Ok(())
    })
}

#[test]
fn chunks_lose_nothing_when_they_are_cancelled() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let text = Random(SEED).bytes(3 << 20);
        let sent = text.clone();
        let writer = thread::spawn(move || theirs.write_all(&sent));
        let mut received = Vec::new();
        loop {
            let mut chunk = read_chunk(&ours, 10_000, |bytes| {
                received.extend_from_slice(bytes);
                bytes.len()
            });
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut chunk).poll(cx))).await;
            drop(chunk);
            match polled {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(count)) => assert!(count <= 10_000),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => ours.readable().await?,
            }
        }
        assert!(received == text, "seed {SEED:#x}");
        writer.join().expect("the writer")
    })
}

/// The closure may read from another connection of the same worker.
#[test]
fn a_chunk_within_a_chunk_has_a_buffer_of_its_own() -> io::Result<()> {
    block_on(async {
        let (one, two) = (pair().await?, pair().await?);
        one.0.write_all(b"outer").await?;
        two.0.write_all(b"inner").await?;
        two.1.readable().await?;
        let (outer, inner) = read_chunk(&one.1, 100, |bytes| {
            let mut inner = read_chunk(&two.1, 100, |bytes| bytes.to_vec());
            let waker = std::task::Waker::noop();
            let polled = Pin::new(&mut inner).poll(&mut std::task::Context::from_waker(waker));
            (bytes.to_vec(), polled)
        })
        .await?;
        assert_eq!(outer, b"outer");
        assert!(matches!(inner, Poll::Ready(Ok(bytes)) if bytes == b"inner"));
        Ok(())
    })
}
