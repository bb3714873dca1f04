//! Relays and copies lose nothing, mix nothing, end when they should, and hold nothing while nothing comes.

mod support;

use std::fs::{self, File};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{self, Shutdown};
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use support::{Hash, Random, block_on, pair_with_std, rerun, role};
use waterwheel::net::futures::Copying;
use waterwheel::net::{TcpStream, copy, copy_bidirectional, send_file};
use waterwheel::spawn;

const SEED: u64 = 0x0c09_75ee_d000_0001;

/// Two connections with a relay's two ends between them.
struct Relayed {
    front: TcpStream,
    back: TcpStream,
    client: net::TcpStream,
    server: net::TcpStream,
}

fn relayed() -> io::Result<Relayed> {
    let (front, client) = pair_with_std()?;
    let (back, server) = pair_with_std()?;
    Ok(Relayed {
        front,
        back,
        client,
        server,
    })
}

/// Writes chunks of random sizes, small and large, then the end.
fn write_random(mut to: net::TcpStream, seed: u64, bytes: usize) -> io::Result<Hash> {
    let mut random = Random(seed);
    let mut hash = Hash::new();
    while hash.bytes < bytes {
        let most = [10, 1_000, 100_000, 2_000_000][random.up_to(4) - 1];
        let size = random.up_to(most);
        let chunk = random.bytes(size);
        to.write_all(&chunk)?;
        hash.update(&chunk);
    }
    to.shutdown(Shutdown::Write)?;
    Ok(hash)
}

fn read_hashed(mut from: net::TcpStream) -> io::Result<Hash> {
    let mut hash = Hash::new();
    let mut buffer = vec![0; 300_000];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hash),
            count => hash.update(&buffer[..count]),
        }
    }
}

#[test]
fn random_chunks_come_through_a_relay_both_ways() -> io::Result<()> {
    block_on(async {
        println!("seed {SEED:#x}");
        let Relayed {
            front,
            back,
            client,
            server,
        } = relayed()?;
        let ends = [client, server];
        let writers = [0, 1].map(|end| {
            let stream = ends[end].try_clone().expect("dup");
            thread::spawn(move || write_random(stream, SEED + end as u64, 24 << 20))
        });
        let readers = ends.map(|stream| thread::spawn(move || read_hashed(stream)));
        let counts = copy_bidirectional(&front, &back).await?;
        drop((front, back));
        let written = writers.map(|writer| writer.join().expect("a writer").expect("written"));
        let read = readers.map(|reader| reader.join().expect("a reader").expect("read"));
        assert_eq!(read[1], written[0], "from the client (seed {SEED:#x})");
        assert_eq!(read[0], written[1], "from the server (seed {SEED:#x})");
        assert_eq!(counts, (read[1].bytes as u64, read[0].bytes as u64));
        Ok(())
    })
}

#[test]
fn each_end_comes_through_and_the_other_way_goes_on() -> io::Result<()> {
    block_on(async {
        let Relayed {
            front,
            back,
            mut client,
            mut server,
        } = relayed()?;
        let relay = spawn(async move { copy_bidirectional(&front, &back).await });
        let ends = thread::spawn(move || -> io::Result<()> {
            client.write_all(b"question")?;
            client.shutdown(Shutdown::Write)?;
            let mut all = Vec::new();
            server.read_to_end(&mut all)?;
            assert_eq!(all, b"question");
            server.write_all(b"an")?;
            server.write_all(b"swer")?;
            server.shutdown(Shutdown::Write)?;
            all.clear();
            client.read_to_end(&mut all)?;
            assert_eq!(all, b"answer");
            Ok(())
        });
        assert_eq!(relay.await.expect("no panic")?, (8, 6));
        ends.join().expect("the ends")
    })
}

/// Pitfall: a relay keeps half-open connections for ever (tokio#4556).
#[test]
fn a_relay_of_which_one_way_has_ended_ends_when_the_other_is_silent() -> io::Result<()> {
    block_on(async {
        let Relayed {
            front,
            back,
            client,
            mut server,
        } = relayed()?;
        client.shutdown(Shutdown::Write)?;
        server.write_all(b"some")?;
        let limit = Duration::from_millis(30);
        let began = Instant::now();
        let mut relay = copy_bidirectional(&front, &back).idle_timeout(limit);
        let error = (&mut relay).await.expect_err("silence");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(began.elapsed() >= limit);
        assert_eq!(relay.copied(), (0, 4));
        Ok(())
    })
}

#[test]
fn a_relay_that_is_used_outlives_its_idle_timeout() -> io::Result<()> {
    block_on(async {
        let Relayed {
            front,
            back,
            mut client,
            server,
        } = relayed()?;
        let limit = Duration::from_secs(1);
        let relay =
            spawn(async move { copy_bidirectional(&front, &back).idle_timeout(limit).await });
        let began = Instant::now();
        let mut bytes = 0;
        while began.elapsed() < limit * 2 {
            client.write_all(b"x")?;
            server.set_nonblocking(false)?;
            let one = server.try_clone()?;
            let read = waterwheel::spawn_blocking(move || (&one).read_exact(&mut [0]));
            read.await.expect("no panic")?;
            bytes += 1;
            waterwheel::sleep(Duration::from_millis(5)).await;
        }
        client.shutdown(Shutdown::Write)?;
        server.shutdown(Shutdown::Write)?;
        assert_eq!(relay.await.expect("no panic")?, (bytes, 0));
        Ok(())
    })
}

#[test]
fn a_reset_ends_both_ways() -> io::Result<()> {
    block_on(async {
        let Relayed {
            front,
            back,
            client,
            mut server,
        } = relayed()?;
        // What the client has not read makes its end a reset.
        server.write_all(b"unread")?;
        let mut relay = copy_bidirectional(&front, &back);
        let mut pinned = Pin::new(&mut relay);
        assert!(futures_util::poll!(&mut pinned).is_pending());
        client.peek(&mut [0])?;
        drop(client);
        let error = pinned.await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(relay.copied(), (0, 6));
        Ok(())
    })
}

/// The kernel's buffers full, and a pipe or a buffer as well; then the copy is dropped.
async fn stall(from: &TcpStream, to: &TcpStream, source: &net::TcpStream) -> u64 {
    poll_until_it_stalls(&mut copy(from, to), source).await
}

async fn poll_until_it_stalls(copying: &mut Copying<'_>, mut source: &net::TcpStream) -> u64 {
    source.set_nonblocking(true).expect("fcntl");
    let chunk = [0xdd; 100_000];
    let mut still = 0;
    loop {
        let before = copying.copied();
        poll_fn(|cx| {
            assert!(Pin::new(&mut *copying).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let full = source.write(&chunk).is_err();
        if full && copying.copied() == before {
            still += 1;
        } else {
            still = 0;
        }
        // What the kernel passes on between the two ends, it passes on meanwhile.
        if still == 20 {
            return copying.copied();
        }
        waterwheel::sleep(Duration::from_millis(1)).await;
    }
}

/// A pipe with something in it is no other connection's.
#[test]
fn what_a_dropped_copy_has_on_its_way_comes_to_nobody_else() -> io::Result<()> {
    block_on(async {
        // Another one that stays: without any, no pipe is kept for the next.
        let other = relayed()?;
        let mut stays = copy(&other.front, &other.back);
        poll_until_it_stalls(&mut stays, &other.client).await;
        for _ in 0..3 {
            let Relayed {
                front,
                back,
                client,
                mut server,
            } = relayed()?;
            let copied = stall(&front, &back, &client).await;
            assert!(copied > 0);
            drop(back);
            let mut count = 0;
            let mut buffer = vec![0; 1 << 20];
            loop {
                match server.read(&mut buffer)? {
                    0 => break,
                    more => count += more as u64,
                }
            }
            assert_eq!(count, copied, "exactly what was said to be written");
        }
        let Relayed {
            front,
            back,
            client,
            server,
        } = relayed()?;
        let writer = thread::spawn(move || write_random(client, SEED, 16 << 20));
        let reader = thread::spawn(move || read_hashed(server));
        let copied = copy(&front, &back).await?;
        drop(back);
        let read = reader.join().expect("the reader")?;
        assert_eq!(read, writer.join().expect("the writer")?);
        assert_eq!(copied, read.bytes as u64);
        drop(stays);
        Ok(())
    })
}

fn pipes() -> usize {
    let links = fs::read_dir("/proc/self/fd").expect("proc").flatten();
    links
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("pipe:"))
        .count()
}

const IDLE: &str = "relays_that_are_silent_or_over_hold_no_pipes";

/// How many pipes are kept for a moment, two ends each.
const KEPT: usize = 32;

/// Relays so many bytes through each pair of ends. Returns how many ends of pipes there were at most.
fn use_relays(ends: &mut [(net::TcpStream, net::TcpStream)]) -> usize {
    const BULK: usize = 4 << 20;
    let mut most = 0;
    for (client, server) in ends {
        let mut to = client.try_clone().expect("dup");
        let writer = thread::spawn(move || to.write_all(&vec![1; BULK]));
        server.read_exact(&mut vec![0; BULK]).expect("relayed");
        writer.join().expect("a writer").expect("written");
        most = most.max(pipes());
    }
    most
}

/// A relay in a task of its own, by its ends.
fn open_relay() -> [(net::TcpStream, net::TcpStream); 1] {
    let Relayed {
        front,
        back,
        client,
        server,
    } = relayed().expect("connections");
    spawn(async move { copy_bidirectional(&front, &back).await });
    [(client, server)]
}

/// Waits, on a thread that no runtime has, until so many ends of pipes are left.
fn wait_for_pipes(left: usize) {
    let began = Instant::now();
    while pipes() != left {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{} ends of pipes are left, not {left}",
            pipes()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// In a process of its own, as other tests have pipes.
#[test]
fn relays_that_are_silent_or_over_hold_no_pipes() -> io::Result<()> {
    if role().is_none() {
        let alone = rerun(IDLE, "alone", "true");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    const RELAYS: usize = 40;
    let before = pipes();
    let handle = block_on(async {
        let mut ends = Vec::new();
        let mut relays = Vec::new();
        for _ in 0..RELAYS {
            let Relayed {
                front,
                back,
                client,
                server,
            } = relayed()?;
            relays.push(spawn(
                async move { copy_bidirectional(&front, &back).await },
            ));
            ends.push((client, server));
        }
        // All workers sleep meanwhile, and none is woken by anything but what it waits for.
        let used = waterwheel::spawn_blocking(move || {
            let most = use_relays(&mut ends) - before;
            assert!(most > 0, "none was ever spliced");
            assert!(most <= KEPT, "{most} ends of pipes");
            // They are open and silent: the workers are idle.
            wait_for_pipes(before);
            // And they go on.
            let again = use_relays(&mut ends) - before;
            assert!(again > 0, "none was spliced again");
            ends
        });
        for (client, server) in used.await.expect("no panic") {
            client.shutdown(Shutdown::Write)?;
            server.shutdown(Shutdown::Write)?;
        }
        for relay in relays {
            relay.await.expect("no panic")?;
        }
        assert_eq!(pipes(), before, "the last relay is over");
        io::Result::Ok(())
    });
    handle?;

    // A runtime that ends around relays that are open. Its handle lives on, and the thread too.
    let (handle, ends) = block_on(async {
        let mut ends = open_relay();
        let used = waterwheel::spawn_blocking(move || {
            assert!(use_relays(&mut ends) > before, "it was never spliced");
            ends
        });
        let ends = used.await.expect("no panic");
        io::Result::Ok((waterwheel::Handle::current(), ends))
    })?;
    assert_eq!(pipes(), before, "the runtime has ended");
    drop((handle, ends));
    Ok(())
}

#[test]
fn pipes_of_a_relay_that_is_given_up_are_closed() -> io::Result<()> {
    const NAME: &str = "pipes_of_a_relay_that_is_given_up_are_closed";
    if role().is_none() {
        let alone = rerun(NAME, "alone", "true");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    let before = pipes();
    // Somebody else's relay, which is silent, keeps none for a runtime that has ended.
    let (told, is_silent) = std::sync::mpsc::channel();
    let (go, is_over) = std::sync::mpsc::channel::<()>();
    let silent = thread::spawn(move || {
        waterwheel::block_on(async {
            let mut ends = open_relay();
            let used = waterwheel::spawn_blocking(move || {
                use_relays(&mut ends);
                wait_for_pipes(before);
                told.send(()).expect("the test listens");
                is_over.recv()
            });
            used.await.expect("no panic").expect("the test tells");
        })
    });
    is_silent.recv().expect("it has used its relay");
    block_on(async {
        let mut ends = open_relay();
        let used = waterwheel::spawn_blocking(move || use_relays(&mut ends));
        assert!(
            used.await.expect("no panic") > before,
            "it was never spliced"
        );
    });
    assert_eq!(pipes(), before, "the runtime has ended");
    go.send(()).expect("it waits");
    silent.join().expect("no panic");

    block_on(async {
        for _ in 0..3 {
            let Relayed {
                front,
                back,
                client,
                server,
            } = relayed()?;
            // Its pipe has something in it when it is dropped.
            stall(&front, &back, &client).await;
            drop(server);
            assert_eq!(pipes(), before);
        }
        Ok(())
    })
}

/// A file of random bytes that is gone when it is closed.
fn file(bytes: &[u8]) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("waterwheel-copy-{}", std::process::id()));
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)?;
    fs::remove_file(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

#[test]
fn a_part_of_a_file_is_sent() -> io::Result<()> {
    block_on(async {
        let bytes = Random(SEED).bytes(20 << 20);
        let file = file(&bytes)?;
        let (ours, mut theirs) = pair_with_std()?;
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        let (offset, length) = (12_345, (18 << 20) + 7);
        assert_eq!(send_file(&file, offset, length, &ours).await?, length);
        let rest = send_file(&file, offset + length, u64::MAX, &ours).await?;
        assert_eq!(rest, bytes.len() as u64 - offset - length, "to its end");
        assert_eq!(
            send_file(&file, u64::MAX, 10, &ours).await.ok(),
            None,
            "no offset"
        );
        assert_eq!(
            send_file(&file, 1 << 40, 10, &ours).await?,
            0,
            "beyond the end"
        );
        drop(ours);
        let all = reader.join().expect("the reader")?;
        assert!(all == bytes[offset as usize..], "seed {SEED:#x}");
        Ok(())
    })
}

#[test]
fn a_file_without_pages_is_sent_as_well() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let version = File::open("/proc/version")?;
        let sent = send_file(&version, 0, u64::MAX, &ours).await?;
        drop(ours);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all)?;
        assert_eq!(all, fs::read("/proc/version")?);
        assert_eq!(sent, all.len() as u64);
        Ok(())
    })
}

#[test]
fn a_dropped_send_has_sent_what_it_said() -> io::Result<()> {
    block_on(async {
        let file = file(&vec![7; 32 << 20])?;
        let (ours, theirs) = pair_with_std()?;
        let mut sending = send_file(&file, 0, u64::MAX, &ours);
        loop {
            let before = sending.sent();
            assert!(
                futures_util::poll!(&mut sending).is_pending(),
                "nobody reads"
            );
            if sending.sent() == before {
                break;
            }
        }
        let sent = sending.sent();
        drop(sending);
        drop(ours);
        assert_eq!(read_hashed(theirs)?.bytes as u64, sent);
        Ok(())
    })
}

/// What this thread has to do with signals: which are blocked, and whether a SIGPIPE is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signals {
    blocked: Vec<libc::c_int>,
    pipe_is_pending: bool,
}

impl Signals {
    fn now() -> Self {
        let mut blocked = MaybeUninit::uninit();
        let mut pending = MaybeUninit::uninit();
        let null = std::ptr::null();
        // SAFETY: nothing is set; the calls write the two sets, and cannot fail.
        let (blocked, pending) = unsafe {
            assert_eq!(
                libc::pthread_sigmask(libc::SIG_BLOCK, null, blocked.as_mut_ptr()),
                0
            );
            assert_eq!(libc::sigpending(pending.as_mut_ptr()), 0);
            (blocked.assume_init(), pending.assume_init())
        };
        // SAFETY: both sets are initialized.
        let has = |set, signal| unsafe { libc::sigismember(set, signal) == 1 };
        Self {
            blocked: (1..=libc::SIGRTMAX())
                .filter(|&signal| has(&raw const blocked, signal))
                .collect(),
            pipe_is_pending: has(&raw const pending, libc::SIGPIPE),
        }
    }
}

/// Sets this thread's mask to these signals.
fn block(signals: &[libc::c_int]) {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call initializes the set, and the others use it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        let null = std::ptr::null_mut();
        assert_eq!(
            libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), null),
            0
        );
    }
}

/// Polls `future` to its end on this thread, and looks after each poll at what it has done to the thread's signals.
async fn leaving_signals_alone<F: Future>(what: &str, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let before = Signals::now();
        let polled = future.as_mut().poll(cx);
        assert_eq!(Signals::now(), before, "{what}");
        polled
    })
    .await
}

/// Sends a file, and splices, to peers that have gone.
async fn move_bytes_to_closed_peers(what: &str) -> io::Result<()> {
    let file = file(&[7; 1 << 20])?;
    for _ in 0..2 {
        let (ours, _theirs) = pair_with_std()?;
        ours.shutdown(Shutdown::Write)?;
        let sending = leaving_signals_alone(what, send_file(&file, 0, 10, &ours));
        let error = sending.await.expect_err("shut");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{what}");
    }
    let Relayed {
        front,
        back,
        client,
        server,
    } = relayed()?;
    // The flow is a bulk one, and in a pipe, when its writer is shut.
    let mut copying = copy(&front, &back);
    let mut reader = server.try_clone()?;
    thread::spawn(move || drop((&client).write_all(&vec![1; 64 << 20])));
    let reading = thread::spawn(move || reader.read_exact(&mut vec![0; 8 << 20]));
    let copied = poll_fn(|cx| {
        if copying.copied() > 4 << 20 {
            drop(back.shutdown(Shutdown::Write));
        }
        Pin::new(&mut copying).poll(cx)
    });
    let error = leaving_signals_alone(what, copied).await.expect_err("shut");
    drop(reading.join());
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{what}");
    assert!(copying.copied() > 0);
    Ok(())
}

const SIGNAL: &str = "moving_bytes_to_a_closed_peer_is_an_error_and_no_signal";

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Pitfall: SIGPIPE kills the process (monoio#214), and neither `splice` nor `sendfile` has a flag against it.
///
/// Nor does it stay blocked in the thread, or pending, or, if it was so before, not.
#[test]
fn moving_bytes_to_a_closed_peer_is_an_error_and_no_signal() -> io::Result<()> {
    if role().is_none() {
        let alone = rerun(SIGNAL, "alone", "true");
        assert_eq!(alone.status.signal(), None, "{alone:?}");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    // SAFETY: no handler is installed, so nothing runs when the signal comes.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(previous, libc::SIG_IGN, "as Rust's runtime sets it");
    // The main future stays on this thread.
    block_on(async {
        let unblocked = Signals::now();
        assert!(!unblocked.blocked.contains(&libc::SIGPIPE) && !unblocked.pipe_is_pending);
        move_bytes_to_closed_peers("by default").await?;

        // Not even inside the call is another signal let through, which waits.
        block(&[libc::SIGUSR1, libc::SIGRTMAX()]);
        // SAFETY: the handler adds to an atomic number.
        unsafe { libc::signal(libc::SIGUSR1, count as extern "C" fn(libc::c_int) as usize) };
        // SAFETY: there is a handler.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        move_bytes_to_closed_peers("with other signals blocked").await?;
        assert_eq!(HANDLED.load(Ordering::Relaxed), 0, "it was let through");
        block(&[]);
        assert_eq!(HANDLED.swap(0, Ordering::Relaxed), 1);

        block(&[libc::SIGPIPE]);
        move_bytes_to_closed_peers("blocked already").await?;

        // SAFETY: it is blocked in this thread, which is the one that it is sent to.
        assert_eq!(unsafe { libc::raise(libc::SIGPIPE) }, 0);
        assert!(Signals::now().pipe_is_pending);
        move_bytes_to_closed_peers("blocked already, and pending").await?;

        // It is the user's, and comes once, now.
        // SAFETY: the handler adds to an atomic number.
        unsafe { libc::signal(libc::SIGPIPE, count as extern "C" fn(libc::c_int) as usize) };
        block(&[]);
        assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
        move_bytes_to_closed_peers("with a handler").await?;
        assert_eq!(
            HANDLED.load(Ordering::Relaxed),
            1,
            "it has run for a peer that has gone"
        );

        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        move_bytes_to_closed_peers("ignored").await?;
        assert_eq!(Signals::now(), unblocked);
        Ok(())
    })
}

const NO_PIPE: &str = "without_descriptors_for_a_pipe_bytes_go_all_the_same";

#[test]
fn without_descriptors_for_a_pipe_bytes_go_all_the_same() -> io::Result<()> {
    if role().is_none() {
        let alone = rerun(NO_PIPE, "alone", "ulimit -n 64");
        assert!(alone.status.success(), "{alone:?}");
        return Ok(());
    }
    // One worker: all that it will ever have of descriptors it has at the start.
    waterwheel::block_on(async {
        let Relayed {
            front,
            back,
            client,
            server,
        } = relayed()?;
        let mut hogs = Vec::new();
        while let Ok(hog) = File::open("/dev/null") {
            hogs.push(hog);
        }
        let writer = thread::spawn(move || write_random(client, SEED, 16 << 20));
        let reader = thread::spawn(move || read_hashed(server));
        copy(&front, &back).await?;
        drop(back);
        let read = reader.join().expect("the reader")?;
        assert_eq!(read, writer.join().expect("the writer")?);
        Ok(())
    })
}
