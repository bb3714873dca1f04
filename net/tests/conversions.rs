//! From the standard library's sockets, and back; and halves.

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use support::{block_on, pair, pair_with_std};
use waterwheel::net::{TcpListener, TcpStream};
use waterwheel::reactor::Reactor;

#[test]
fn a_listener_of_the_standard_library_need_not_be_non_blocking() -> io::Result<()> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    block_on(async {
        let listener = TcpListener::try_from(listener)?;
        assert_eq!(listener.local_addr()?, address);
        assert!(
            futures_util::poll!(listener.accept()).is_pending(),
            "and not blocked"
        );
        let client = TcpStream::connect(address).await?;
        let (_, peer) = listener.accept().await?;
        assert_eq!(peer, client.local_addr()?);

        let reactor = Reactor::current().expect("in a runtime");
        let registered = reactor.registered();
        let listener = listener.into_std();
        assert_eq!(reactor.registered(), registered - 1);
        assert_eq!(listener.local_addr()?, address);
        let nobody = listener.accept().expect_err("nobody waits");
        assert_eq!(
            nobody.kind(),
            ErrorKind::WouldBlock,
            "it stays non-blocking"
        );
        Ok(())
    })
}

#[test]
fn a_stream_goes_to_the_standard_library_and_comes_back() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        assert!(
            futures_util::poll!(ours.read(&mut [0])).is_pending(),
            "and not blocked"
        );
        let reactor = Reactor::current().expect("in a runtime");
        let registered = reactor.registered();
        let mut ours = ours.into_std();
        assert_eq!(reactor.registered(), registered - 1);
        let nothing = ours.read(&mut [0]).expect_err("nothing is there");
        assert_eq!(
            nothing.kind(),
            ErrorKind::WouldBlock,
            "it stays non-blocking"
        );

        ours.set_nonblocking(false)?;
        let blocked = thread::spawn(move || {
            let mut word = [0; 4];
            ours.read_exact(&mut word).map(|()| (ours, word))
        });
        theirs.write_all(b"std!")?;
        let (ours, word) = blocked.join().expect("the reader")?;
        assert_eq!(&word, b"std!");

        let ours = TcpStream::from_std(ours)?;
        let mut word = [0; 4];
        let mut reading = ours.read_exact(&mut word);
        assert!(futures_util::poll!(&mut reading).is_pending());
        theirs.write_all(b"back")?;
        reading.await?;
        assert_eq!(&word, b"back");
        Ok(())
    })
}

/// Pitfall: a dup'd descriptor keeps its registration after close: spin (libuv#1148, #1099).
#[test]
fn a_duplicate_that_outlives_its_stream_tells_the_reactor_nothing() -> io::Result<()> {
    block_on(async {
        let (ours, mut theirs) = pair_with_std()?;
        assert!(futures_util::poll!(ours.read(&mut [0])).is_pending());
        let duplicate: OwnedFd = ours.as_fd().try_clone_to_owned()?;
        drop(ours);
        theirs.write_all(b"is anybody there?")?;
        let reactor = Reactor::current().expect("in a runtime");
        assert_eq!(reactor.turn_now()?, 0);
        let mut heard = [0; 17];
        net::TcpStream::from(duplicate).read_exact(&mut heard)?;
        assert_eq!(&heard, b"is anybody there?");
        Ok(())
    })
}

#[test]
fn a_dropped_write_half_ends_writing_and_a_forgotten_one_does_not() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        let (reader, writer) = client.into_split();
        let mut byte = [0];
        let mut end = server.read(&mut byte);
        assert!(futures_util::poll!(&mut end).is_pending());
        drop(writer);
        assert_eq!(end.await?, 0);
        server.write_all(b"!").await?;
        assert_eq!(
            reader.read(&mut [0; 8]).await?,
            1,
            "the read half still reads"
        );

        let (client, server) = pair().await?;
        let (reader, writer) = client.into_split();
        writer.write_all(b"last").await?;
        writer.forget();
        let mut word = [0; 8];
        assert_eq!(server.read(&mut word).await?, 4);
        assert!(futures_util::poll!(server.read(&mut word)).is_pending());
        drop(reader);
        assert_eq!(server.read(&mut word).await?, 0, "now it is closed");
        Ok(())
    })
}

#[test]
fn halves_of_one_stream_reunite_and_others_do_not() -> io::Result<()> {
    block_on(async {
        let (client, server) = pair().await?;
        let (client_reader, client_writer) = client.into_split();
        let (server_reader, server_writer) = server.into_split();
        let strangers = client_reader.reunite(server_writer).expect_err("strangers");
        assert!(strangers.to_string().contains("into_split"));
        let client = strangers.0.reunite(client_writer).expect("of one stream");
        let server = server_reader.reunite(strangers.1).expect("of one stream");
        client.write_all(b"one").await?;
        let mut word = [0; 3];
        server.read_exact(&mut word).await?;
        assert_eq!(&word, b"one");
        assert!(
            futures_util::poll!(server.read(&mut word)).is_pending(),
            "no end was sent"
        );
        Ok(())
    })
}

#[test]
fn borrowed_halves_read_while_they_write() -> io::Result<()> {
    block_on(async {
        let (mut client, server) = pair().await?;
        {
            let (reader, writer) = client.split();
            let mut word = [0; 5];
            let (read, written) = futures_util::join!(reader.read_exact(&mut word), async {
                writer.write_all(b"there").await?;
                let mut heard = [0; 5];
                server.read_exact(&mut heard).await?;
                server.write_all(&heard).await
            });
            written?;
            read?;
            assert_eq!(&word, b"there");
            writer.shutdown()?;
        }
        assert_eq!(server.read(&mut [0]).await?, 0);
        client = TcpStream::from_std(client.into_std())?;
        server.write_all(b"!").await?;
        assert_eq!(
            client.read(&mut [0; 8]).await?,
            1,
            "the whole is still there"
        );
        Ok(())
    })
}
