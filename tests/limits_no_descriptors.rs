//! In a runtime that is there, and for which the kernel has no more descriptors: what needs one is an error of the call and nothing
//! else, and what can do without goes on. A test of its own process, whose limit it lowers.

use std::fs::File;
use std::iter;
use std::time::{Duration, SystemTime};
use waterwheel::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use waterwheel::time::sleep_until_system;
use waterwheel::{block_on, sleep, spawn, spawn_blocking};

#[test]
fn what_needs_one_fails_and_the_rest_goes_on() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let limit = libc::rlimit {
            rlim_cur: 64,
            rlim_max: 64,
        };
        // SAFETY: the pointer is to a limit that outlives the call.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        assert_eq!(set, 0);
        let files: Vec<_> = iter::from_fn(|| File::open("/dev/null").ok()).collect();

        for _ in 0..3 {
            let errors = [
                TcpStream::connect(address).await.unwrap_err(),
                TcpListener::bind("127.0.0.1:0").await.unwrap_err(),
                UdpSocket::bind("127.0.0.1:0").await.unwrap_err(),
                UnixStream::pair().unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            }
        }
        // Who waits for the system clock would have a descriptor that tells when that is set, and looks at it instead.
        let deadline = SystemTime::now() + Duration::from_millis(20);
        sleep_until_system(deadline).await;
        assert!(SystemTime::now() >= deadline, "it was early");
        // Sockets that are there, timers, tasks and blocking jobs.
        let echo = spawn(async move {
            let mut buffer = [0; 16];
            let count = server.read(&mut buffer).await.unwrap();
            server.write_all(&buffer[..count]).await.unwrap();
        });
        sleep(Duration::from_millis(1)).await;
        client.write_all(b"still").await.unwrap();
        let mut buffer = [0; 5];
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"still");
        echo.await.unwrap();
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);

        drop(files);
        TcpStream::connect(address).await.unwrap();
    });
}
