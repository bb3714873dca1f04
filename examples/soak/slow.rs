//! Clients that say a word now and then, and some that fall silent until the server closes.

use crate::random::{Bytes, Random};
use crate::tally::{Tally, count};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use waterwheel::net::TcpStream;
use waterwheel::{JoinSet, sleep, timeout};

/// After how much silence the server closes.
pub(crate) const SILENCE: Duration = Duration::from_secs(15);
/// By when anything must have happened that is waited for.
const STUCK: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Slow {
    tally: Arc<Tally>,
    server: SocketAddr,
    echoes: Arc<AtomicU64>,
    closed: Arc<AtomicU64>,
    connects: Arc<AtomicU64>,
}

/// Keeps `clients` of them until the run is over. They are aborted then, wherever they are.
pub(crate) async fn run(tally: Arc<Tally>, server: SocketAddr, clients: usize) {
    if clients == 0 {
        return;
    }
    let slow = Slow {
        echoes: tally.watched("echoes to slow clients"),
        closed: tally.watched("slow clients closed for their silence"),
        connects: tally.counter("connects of slow clients"),
        tally: Arc::clone(&tally),
        server,
    };
    let mut set = JoinSet::new();
    for number in 0..clients {
        set.spawn(slow.clone().client(number as u64));
    }
    while !tally.is_over() {
        sleep(Duration::from_millis(50)).await;
    }
    tally.check(set.len() == clients, "a slow client has ended");
    set.shutdown().await;
}

impl Slow {
    async fn client(self, number: u64) {
        let mut random = Random::new(self.tally.seed, "slow", number);
        // They come one after the other, within the first seconds.
        sleep(random.millis(0, 3000)).await;
        loop {
            if let Err(error) = self.connection(&mut random).await {
                self.tally.error("slow client", &error);
                sleep(random.millis(10, 100)).await;
            }
        }
    }

    async fn connection(&self, random: &mut Random) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(self.server, STUCK).await?;
        count(&self.connects);
        let bytes = Bytes(random.next());
        let (mut place, mut buffer) = (0, [0; 16]);
        // When the server has heard of it last, or before.
        let mut spoke = Instant::now();
        for _ in 0..random.between(5, 40) {
            let word = &mut buffer[..random.between(1, 16)];
            bytes.fill(place, word);
            let began = Instant::now();
            stream.write_all(word).await?;
            let Ok(read) = timeout(STUCK, stream.read_exact(word)).await else {
                self.tally.fault("a slow client's echo has not come");
                return Ok(());
            };
            if let Err(error) = read {
                // Where the machine is so busy that this client comes late, the server has heard nothing for long.
                let fair = spoke.elapsed() >= SILENCE;
                self.tally.check(fair, "a client that spoke was closed");
                return Err(error);
            }
            let right = bytes.are(place, word);
            self.tally.check(right, "a wrong byte to a slow client");
            self.tally.echoes.add(began.elapsed().as_nanos() as u64);
            count(&self.echoes);
            place += word.len();
            spoke = began;
            if random.once_in(20) {
                return self.fall_silent(&stream, spoke).await;
            }
            sleep(random.millis(1000, 5000)).await;
        }
        Ok(())
    }

    /// Says nothing until the server closes, which it must, and not too early.
    async fn fall_silent(&self, stream: &TcpStream, spoke: Instant) -> io::Result<()> {
        match timeout(SILENCE + STUCK, stream.read(&mut [0])).await {
            Ok(Ok(0)) => {
                let early = spoke.elapsed() < SILENCE;
                self.tally.check(!early, "closed for silence too early");
                count(&self.closed);
            }
            Ok(Ok(_)) => self.tally.fault("the server says something by itself"),
            Ok(Err(error)) => return Err(error),
            Err(_) => self.tally.fault("a silent client was not closed"),
        }
        Ok(())
    }
}
