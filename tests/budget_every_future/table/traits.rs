//! The traits of other libraries, behind features.

use super::Row;

#[cfg(not(any(feature = "futures-io", feature = "hyper")))]
pub(super) fn rows() -> Vec<Row> {
    Vec::new()
}

#[cfg(any(feature = "futures-io", feature = "hyper"))]
pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    #[cfg(feature = "futures-io")]
    rows.extend(of_futures_io::rows());
    #[cfg(feature = "hyper")]
    rows.extend(of_hyper::rows());
    rows
}

/// A pair of streams, of which the first is polled.
#[cfg(any(feature = "futures-io", feature = "hyper"))]
fn pair() -> (
    waterwheel::net::PollStream<waterwheel::net::UnixStream>,
    waterwheel::net::UnixStream,
) {
    let (ours, theirs) = waterwheel::net::UnixStream::pair().expect("a pair");
    (waterwheel::net::PollStream::new(ours), theirs)
}

#[cfg(feature = "futures-io")]
mod of_futures_io {
    use super::super::{Kind, Row, row};
    use super::pair;
    use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

    pub(super) fn rows() -> Vec<Row> {
        vec![
            row!(
                Ready,
                "AsyncRead for net::PollStream",
                "to no buffer",
                {
                    let (mut a, _b) = pair();
                },
                {
                    assert_eq!(a.read(&mut []).await.expect("nothing to read"), 0);
                }
            ),
            row!(
                Ready,
                "AsyncRead for net::PollStream",
                "at the end",
                {
                    let (mut a, _) = pair();
                },
                {
                    assert_eq!(a.read(&mut [0]).await.expect("the end"), 0);
                }
            ),
            Row::of(
                Kind::Ready,
                "AsyncRead for net::PollStream",
                "what has been read ahead",
                |rounds| async move {
                    let (mut a, b) = pair();
                    loop {
                        b.try_write(&[1; 1000]).expect("room");
                        assert_eq!(a.fill_buf().await.expect("it is there").len(), 1000);
                        for _ in 0..1000 {
                            a.read_exact(&mut [0]).await.expect("it is there");
                            rounds.one();
                        }
                    }
                },
            ),
            row!(
                Ready,
                "AsyncBufRead for net::PollStream",
                "what has been read is left",
                {
                    let (mut a, b) = pair();
                    b.try_write(b"x").expect("room");
                },
                {
                    assert_eq!(a.fill_buf().await.expect("it is there").len(), 1);
                }
            ),
            row!(
                Ready,
                "AsyncWrite for net::PollStream",
                "of nothing",
                {
                    let (mut a, _b) = pair();
                },
                {
                    assert_eq!(a.write(&[]).await.expect("nothing to write"), 0);
                }
            ),
            row!(
                Ready,
                "AsyncWrite for net::PollStream",
                "flush",
                {
                    let (mut a, _b) = pair();
                },
                {
                    a.flush().await.expect("nothing to flush");
                }
            ),
            row!(
                Ready,
                "AsyncWrite for net::PollStream",
                "close",
                {
                    let (mut a, _b) = pair();
                },
                {
                    a.close().await.expect("closed");
                }
            ),
        ]
    }
}

#[cfg(feature = "hyper")]
mod of_hyper {
    use super::super::{Row, row};
    use super::pair;
    use hyper::rt::{Read, ReadBuf, Timer, Write};
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::time::{Duration, Instant};
    use waterwheel::net;

    pub(super) fn rows() -> Vec<Row> {
        vec![
            row!(
                Ready,
                "Read for net::PollStream",
                "to no buffer",
                {
                    let (mut a, _b) = pair();
                },
                {
                    poll_fn(|cx| Pin::new(&mut a).poll_read(cx, ReadBuf::new(&mut []).unfilled()))
                        .await
                        .expect("nothing to read");
                }
            ),
            row!(
                Ready,
                "Read for net::PollStream",
                "at the end",
                {
                    let (mut a, _) = pair();
                },
                {
                    poll_fn(|cx| Pin::new(&mut a).poll_read(cx, ReadBuf::new(&mut [0]).unfilled()))
                        .await
                        .expect("the end");
                }
            ),
            row!(
                Ready,
                "Write for net::PollStream",
                "of nothing",
                {
                    let (mut a, _b) = pair();
                },
                {
                    poll_fn(|cx| Pin::new(&mut a).poll_write(cx, &[]))
                        .await
                        .expect("nothing to write");
                }
            ),
            row!(
                Ready,
                "Write for net::PollStream",
                "flush",
                {
                    let (mut a, _b) = pair();
                },
                {
                    poll_fn(|cx| Pin::new(&mut a).poll_flush(cx))
                        .await
                        .expect("nothing to flush");
                }
            ),
            row!(
                Ready,
                "Write for net::PollStream",
                "shutdown",
                {
                    let (mut a, _b) = pair();
                },
                {
                    poll_fn(|cx| Pin::new(&mut a).poll_shutdown(cx))
                        .await
                        .expect("closed");
                }
            ),
            row!(Ready, "net::Timer::sleep", "of no time", {
                net::hyper::Timer::new().sleep(Duration::ZERO).await;
            }),
            row!(Ready, "net::Timer::sleep_until", "until now", {
                net::hyper::Timer::new().sleep_until(Instant::now()).await;
            }),
        ]
    }
}
