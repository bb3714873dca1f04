//! What is sent in one call and given up before it is ready has not been sent: neither bytes nor datagrams.

mod support;

use std::io::{self, Read};
use std::net::Shutdown;
use std::task::Poll;
use support::{block_on, pair_with_std};
use waterwheel::net::UnixDatagram;

const OURS: u8 = 1;
const GIVEN_UP: u8 = 2;

#[test]
fn a_write_that_is_given_up_has_written_nothing() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        let (mut written, mut in_time, mut given_up) = (0, 0, 0);
        // Until there is no room. Of what the peer's kernel takes meanwhile, there may be some again: then a write is ready.
        while given_up < 100 {
            while let Ok(count) = ours.try_write(&[OURS; 64 << 10]) {
                written += count;
            }
            match futures_util::poll!(ours.write(&[GIVEN_UP; 100])) {
                Poll::Ready(count) => in_time += count?,
                Poll::Pending => given_up += 1,
            }
        }
        // There is room from here on, before the end is sent.
        let mut received = vec![0; written + in_time];
        theirs.read_exact(&mut received)?;
        ours.shutdown(Shutdown::Write)?;
        theirs.read_to_end(&mut received)?;
        let count = |wanted| received.iter().filter(|byte| **byte == wanted).count();
        assert_eq!((count(OURS), count(GIVEN_UP)), (written, in_time));
        assert_eq!(received.len(), written + in_time);
        Ok(())
    })
}

#[test]
fn a_datagram_that_is_given_up_has_not_been_sent() -> io::Result<()> {
    block_on(async {
        let (ours, theirs) = UnixDatagram::pair()?;
        let mut sent = 0;
        while ours.try_send(&[OURS]).is_ok() {
            sent += 1;
        }
        for _ in 0..10 {
            assert!(futures_util::poll!(ours.send(&[GIVEN_UP])).is_pending());
        }
        let mut buffer = [0; 16];
        for _ in 0..sent {
            assert_eq!(theirs.recv(&mut buffer).await?, 1);
            assert_eq!(buffer[0], OURS);
        }
        // Whoever would still send has room, and some time.
        for _ in 0..1000 {
            assert!(futures_util::poll!(theirs.recv(&mut buffer)).is_pending());
            std::thread::yield_now();
            waterwheel::yield_now().await;
        }
        // There is room again, and whoever sends now is the next.
        assert_eq!(ours.send(&[OURS]).await?, 1);
        assert_eq!(theirs.recv(&mut buffer).await?, 1);
        assert_eq!(buffer[0], OURS);
        Ok(())
    })
}
