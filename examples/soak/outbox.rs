//! Outboxes with watermarks, before a reader that is slow, and at times leaves.

use crate::random::{Bytes, Random};
use crate::tally::{Tally, count};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use waterwheel::net::{Outbox, TcpListener, TcpStream, Watermarks};
use waterwheel::{sleep, spawn_blocking, timeout};

const PAIRS: u64 = 4;
const SENDERS: u8 = 4;
const MESSAGES: u32 = 64;
const LONGEST: usize = 8 << 10;
pub(crate) const WATERMARKS: Watermarks = Watermarks {
    low: 32 << 10,
    high: 128 << 10,
};
const STUCK: Duration = Duration::from_secs(120);
/// Sender, number, length.
const HEAD: usize = 1 + 4 + 4;

pub(crate) async fn run(tally: Arc<Tally>) {
    let pairs: Vec<_> = (0..PAIRS)
        .map(|number| waterwheel::spawn(pairs(Arc::clone(&tally), number)))
        .collect();
    for pair in pairs {
        pair.await.expect("no panic");
    }
}

async fn pairs(tally: Arc<Tally>, number: u64) {
    let mut random = Random::new(tally.seed, "outbox", number);
    let drained = tally.watched("outboxes that were drained");
    let failed = tally.counter("outboxes whose reader left");
    while !tally.is_over() {
        let leaves = random.once_in(4);
        match timeout(STUCK, pair(&tally, &mut random, leaves)).await {
            Ok(Ok(())) => count(if leaves { &failed } else { &drained }),
            Ok(Err(error)) => tally.fault(format_args!("an outbox: {error}")),
            Err(_) => tally.fault("an outbox is stuck"),
        }
        sleep(random.millis(1, 50)).await;
    }
}

async fn pair(tally: &Arc<Tally>, random: &mut Random, leaves: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let reader = TcpStream::connect(listener.local_addr()?).await?;
    let (stream, _) = listener.accept().await?;
    stream.set_send_buffer_size(16 << 10)?;
    reader.set_recv_buffer_size(16 << 10)?;
    let outbox = Arc::new(Outbox::with_watermarks(stream, WATERMARKS));
    let key = random.next();
    let most = leaves.then(|| random.below(256 << 10));
    let reading = read(reader, key, most, Random::new(key, "reader", 0));
    let reading = waterwheel::spawn(reading);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (tally, outbox) = (Arc::clone(tally), Arc::clone(&outbox));
            waterwheel::spawn(send(tally, outbox, sender, key))
        })
        .collect();
    for sender in senders {
        let sent = sender.await?;
        tally.check(sent.is_ok() || leaves, format_args!("not sent: {sent:?}"));
    }
    let report = outbox.close(STUCK).await;
    tally.check(
        report.is_drained() || leaves,
        format_args!("not drained: {report:?}"),
    );
    let (messages, right) = reading.await??;
    tally.check(right, "a wrong message from an outbox");
    let all = u32::from(SENDERS) * MESSAGES;
    tally.check(
        messages == all || leaves,
        format_args!("{messages} of {all} messages"),
    );
    Ok(())
}

/// Sends its messages, waiting while too much is queued. The last goes from a thread of the blocking pool.
async fn send(
    tally: Arc<Tally>,
    outbox: Arc<Outbox<TcpStream>>,
    sender: u8,
    key: u64,
) -> io::Result<()> {
    let mut random = Random::new(key, "sender", u64::from(sender));
    let bytes = Bytes(key ^ u64::from(sender));
    let mut last = None;
    for number in 0..MESSAGES {
        let length = random.below(LONGEST);
        let mut message = vec![0; HEAD + length];
        message[0] = sender;
        message[1..5].copy_from_slice(&number.to_be_bytes());
        message[5..9].copy_from_slice(&(length as u32).to_be_bytes());
        bytes.fill(number as usize, &mut message[HEAD..]);
        outbox.ready().await?;
        if number + 1 < MESSAGES {
            last = Some(outbox.send(message));
        } else {
            let theirs = Arc::clone(&outbox);
            last = Some(spawn_blocking(move || theirs.send(message)).await?);
        }
        let most = WATERMARKS.high + usize::from(SENDERS) * (HEAD + LONGEST);
        let queued = outbox.queued_bytes();
        tally.check(queued <= most, format_args!("{queued} bytes are queued"));
    }
    last.expect("there are messages").await
}

/// Reads slowly, to the end or until it has had `most` bytes. How many messages came, and whether all were right.
async fn read(
    stream: TcpStream,
    key: u64,
    most: Option<usize>,
    mut random: Random,
) -> io::Result<(u32, bool)> {
    let (mut next, mut messages, mut count) = ([0; SENDERS as usize], 0, 0);
    let mut buffer = vec![0; LONGEST];
    loop {
        let mut head = [0; HEAD];
        match stream.read_exact(&mut head).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((messages, true));
            }
            read => read?,
        }
        let number = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
        if head[0] >= SENDERS || next[usize::from(head[0])] != number || length > LONGEST {
            return Ok((messages, false));
        }
        let body = &mut buffer[..length];
        stream.read_exact(body).await?;
        if !Bytes(key ^ u64::from(head[0])).are(number as usize, body) {
            return Ok((messages, false));
        }
        next[usize::from(head[0])] += 1;
        messages += 1;
        count += HEAD + length;
        if most.is_some_and(|most| count > most) {
            return Ok((messages, true));
        }
        if random.once_in(8) {
            sleep(random.millis(0, 10)).await;
        }
    }
}
