//! Sizes that no machine has room for: each is what it says, an error of the kernel's, or a panic that says what was asked.
//! None wraps to a small one, and none ends the process.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use waterwheel::net::{
    BufReader, Outbox, RecvBatch, SendBatch, TcpListener, TcpSocket, TcpStream, UdpSocket,
    UnixStream, Watermarks, copy_bidirectional, read_chunk, send_file,
};
use waterwheel::{Runtime, block_on};

const HALF: usize = 1 << (usize::BITS - 1);

/// What it panics with.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic")
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().expect("a text")).to_owned(),
    }
}

#[test]
fn a_batch_of_more_than_memory_is_refused() {
    for (datagrams, each) in [
        (2, HALF),
        (4, HALF / 2),
        (1, usize::MAX),
        (1, HALF),
        (usize::MAX, usize::MAX),
        (1024, usize::MAX / 1024),
        (3, usize::MAX / 3 + 1),
    ] {
        let text = panic_of(|| RecvBatch::new(datagrams, each));
        let each = each.to_string();
        assert!(
            text.contains("`RecvBatch::new` was asked for") && text.contains(&each),
            "{datagrams} of {each}: {text}"
        );
    }
    assert_eq!(RecvBatch::new(usize::MAX, 1).capacity(), 1024);
    assert_eq!(RecvBatch::new(2, 65_535).capacity(), 2);
}

/// The kernel cuts a size that is too large for it. None comes to be a small or a negative one.
#[test]
fn options_of_sockets_do_not_wrap() -> io::Result<()> {
    block_on(async {
        let udp = UdpSocket::bind("127.0.0.1:0").await?;
        let (unix, _peer) = UnixStream::pair()?;
        let tcp = TcpSocket::new_v4()?;
        let before = [
            udp.recv_buffer_size()?,
            unix.recv_buffer_size()?,
            tcp.recv_buffer_size()?,
        ];
        for bytes in [u32::MAX, 1 << 31, (1 << 31) - 1] {
            udp.set_recv_buffer_size(bytes)?;
            udp.set_send_buffer_size(bytes)?;
            unix.set_recv_buffer_size(bytes)?;
            unix.set_send_buffer_size(bytes)?;
            tcp.set_recv_buffer_size(bytes)?;
            tcp.set_send_buffer_size(bytes)?;
            let after = [
                udp.recv_buffer_size()?,
                unix.recv_buffer_size()?,
                tcp.recv_buffer_size()?,
            ];
            for (before, after) in before.into_iter().zip(after) {
                assert!(after >= before, "{bytes}: {after} in place of {before}");
            }
        }
        for number in [u32::MAX, 1 << 31, 256] {
            assert!(udp.set_ttl(number).is_err(), "{number}");
        }
        assert!(tcp.set_keepalive_retries(u32::MAX).is_err());
        assert!(tcp.set_keepalive_time(Duration::MAX).is_err());
        assert!(tcp.set_keepalive_interval(Duration::MAX).is_err());
        tcp.set_user_timeout(Some(Duration::MAX))?;
        tcp.set_linger(Some(Duration::MAX))?;
        assert!(udp.set_multicast_ttl_v4(u32::MAX).is_err());
        assert!(
            udp.join_multicast_v6(Ipv6Addr::UNSPECIFIED, u32::MAX)
                .is_err()
        );
        Ok(())
    })
}

#[test]
fn a_backlog_is_cut_to_what_there_is() -> io::Result<()> {
    block_on(async {
        for backlog in [u32::MAX, 1 << 31, 0] {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let listener = socket.listen(backlog)?;
            // One that had wrapped to a negative number would refuse.
            let client = TcpStream::connect(listener.local_addr()?).await?;
            listener.accept().await?;
            drop(client);
        }
        Ok(())
    })
}

/// Descriptors run out, and that is the error: memory for so many is not asked for.
#[test]
fn a_group_of_more_listeners_than_descriptors_is_an_error() {
    let shell = "ulimit -n 64; exec \"$0\" \"$@\"";
    if std::env::var_os("WATERWHEEL_TEST_ROLE").is_none() {
        let alone = std::process::Command::new("sh")
            .args(["-c", shell])
            .arg(std::env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "a_group_of_more_listeners_than_descriptors_is_an_error",
            ])
            .env("WATERWHEEL_TEST_ROLE", "alone")
            .output()
            .expect("a shell");
        assert!(alone.status.success(), "{alone:?}");
        return;
    }
    for count in [usize::MAX, HALF, 1 << 40, 1 << 20] {
        let group = TcpListener::bind_reuseport((Ipv4Addr::LOCALHOST, 0).into(), count);
        let error = group.expect_err("so many there are not");
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{count}: {error}");
    }
}

#[test]
fn limits_of_readers_and_writers_may_be_as_large_as_can_be() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        let outbox = Outbox::with_watermarks(
            ours,
            Watermarks {
                low: usize::MAX,
                high: usize::MAX,
            },
        );
        outbox.send(&b"line\n"[..]).await?;
        outbox.send(&b"chunk"[..]).await?;
        assert!(!outbox.is_over());
        let mut reader = BufReader::with_limit(&theirs, usize::MAX);
        assert_eq!(reader.read_line().await?, Some("line"));
        let (stream, mut rest) = reader.into_parts();
        if rest.len() < 5 {
            rest.extend(read_chunk(stream, usize::MAX, <[u8]>::to_vec).await?);
        }
        assert_eq!(rest, b"chunk");
        assert!(
            outbox
                .close(Instant::now() + Duration::from_secs(60))
                .await
                .is_drained()
        );

        let text = panic_of(|| {
            let (ours, _theirs) = UnixStream::pair().expect("a pair");
            let (low, high) = (usize::MAX, 0);
            Outbox::with_watermarks(ours, Watermarks { low, high })
        });
        assert!(text.contains("low watermark"), "{text}");

        let mut batch = SendBatch::new();
        batch.push(b"", (Ipv4Addr::LOCALHOST, 9).into());
        batch.skip();
        batch.skip();
        assert_eq!((batch.len(), batch.sent()), (1, 0));
        Ok(())
    })
}

#[test]
fn lengths_and_limits_of_relays_and_files_do_not_wrap() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixStream::pair()?;
        let path = std::env::temp_dir().join(format!("waterwheel-sizes-{}", std::process::id()));
        let mut file = std::fs::File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)?;
        std::fs::remove_file(path)?;
        file.write_all(b"file")?;
        assert_eq!(send_file(&file, 1, u64::MAX, &ours).await?, 3);
        assert_eq!(
            send_file(&file, i64::MAX as u64, u64::MAX, &ours)
                .await
                .unwrap_or(0),
            0
        );
        assert!(send_file(&file, u64::MAX, u64::MAX, &ours).await.is_err());
        drop(ours);
        let (other, end) = UnixStream::pair()?;
        drop(end);
        let relayed = copy_bidirectional(&theirs, &other).idle_timeout(Duration::MAX);
        // Nobody takes it. That it ends is what counts.
        let _ = relayed.await;
        Ok(())
    })
}

#[test]
fn a_runtime_of_extreme_sizes_runs_or_is_refused() {
    for workers in [usize::MAX, HALF, 1 << 20] {
        let text = panic_of(|| Runtime::builder().worker_threads(workers));
        assert!(text.contains("worker_threads"), "{text}");
    }
    let runtime = Runtime::builder()
        .worker_threads(1)
        .event_interval(u32::MAX)
        .max_blocking_threads(usize::MAX)
        .build()
        .expect("a runtime");
    let job = runtime.block_on(async { waterwheel::spawn_blocking(|| 1).await });
    assert_eq!(job.expect("no panic"), 1);
    for bytes in [usize::MAX, usize::MAX - 4096, HALF, 1 << 60] {
        let built = catch_unwind(|| {
            Runtime::builder()
                .worker_threads(2)
                .thread_stack_size(bytes)
                .build()
        });
        match built {
            Ok(built) => drop(built.expect_err("no thread has so large a stack")),
            Err(_) => panic!("{bytes} bytes of stack: a panic in place of an error"),
        }
    }
}
