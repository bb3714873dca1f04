//! The options of sockets: each pair of methods stands here once, and `option!(name)` in a socket's file gives them to it.

/// The methods that set and read an option, inside the `impl` of a socket that has an `as_fd`.
macro_rules! option {
    (nodelay) => {
        /// Sets `TCP_NODELAY`: `true` sends small writes at once; `false`, the kernel's default, gathers them while the
        /// peer has others to acknowledge.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
            options::NODELAY.set(self.as_fd(), nodelay)
        }

        /// Reads `TCP_NODELAY`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn nodelay(&self) -> io::Result<bool> {
            options::NODELAY.get(self.as_fd())
        }
    };
    (quickack) => {
        /// Sets `TCP_QUICKACK`: whether what comes is acknowledged at once, or a little later, when there may be data to go
        /// along.
        ///
        /// The kernel changes it when it sees fit: set it again after each read for which it matters.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
            options::QUICKACK.set(self.as_fd(), quickack)
        }

        /// Reads `TCP_QUICKACK`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn quickack(&self) -> io::Result<bool> {
            options::QUICKACK.get(self.as_fd())
        }
    };
    (keepalive) => {
        /// Sets `SO_KEEPALIVE`: whether a peer that is silent for long is asked if it is there. If it is not, the
        /// connection ends with `TimedOut`, or with what a host on the way reports.
        ///
        /// For how long, and how often, say [`set_keepalive_time`](Self::set_keepalive_time),
        /// [`set_keepalive_interval`](Self::set_keepalive_interval) and
        /// [`set_keepalive_retries`](Self::set_keepalive_retries).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        ///
        /// # Examples
        ///
        /// A peer that has vanished is known after 60 + 4 × 15 seconds:
        ///
        /// ```
        /// use std::time::Duration;
        /// use waterwheel::net::TcpSocket;
        ///
        /// let socket = TcpSocket::new_v4()?;
        /// socket.set_keepalive(true)?;
        /// socket.set_keepalive_time(Duration::from_secs(60))?;
        /// socket.set_keepalive_interval(Duration::from_secs(15))?;
        /// socket.set_keepalive_retries(4)?;
        /// assert_eq!(socket.keepalive_time()?, Duration::from_secs(60));
        /// # std::io::Result::Ok(())
        /// ```
        pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
            options::KEEPALIVE.set(self.as_fd(), keepalive)
        }

        /// Reads `SO_KEEPALIVE`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn keepalive(&self) -> io::Result<bool> {
            options::KEEPALIVE.get(self.as_fd())
        }

        /// Sets `TCP_KEEPIDLE`: for how long a peer may be silent before it is asked, in whole seconds, rounded up.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is not from 1 to 32767 seconds.
        pub fn set_keepalive_time(&self, time: Duration) -> io::Result<()> {
            options::KEEPALIVE_TIME.set(self.as_fd(), time)
        }

        /// Reads `TCP_KEEPIDLE`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn keepalive_time(&self) -> io::Result<Duration> {
            options::KEEPALIVE_TIME.get(self.as_fd())
        }

        /// Sets `TCP_KEEPINTVL`: how long it has to answer before it is asked again, in whole seconds, rounded up.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is not from 1 to 32767 seconds.
        pub fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
            options::KEEPALIVE_INTERVAL.set(self.as_fd(), interval)
        }

        /// Reads `TCP_KEEPINTVL`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn keepalive_interval(&self) -> io::Result<Duration> {
            options::KEEPALIVE_INTERVAL.get(self.as_fd())
        }

        /// Sets `TCP_KEEPCNT`: how often it is asked before the connection is given up.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is not from 1 to 127.
        pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
            options::KEEPALIVE_RETRIES.set(self.as_fd(), retries)
        }

        /// Reads `TCP_KEEPCNT`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn keepalive_retries(&self) -> io::Result<u32> {
            options::KEEPALIVE_RETRIES.get(self.as_fd())
        }
    };
    (linger) => {
        /// Sets `SO_LINGER`: what closing does with bytes that the peer has not acknowledged.
        ///
        /// - `None`, the kernel's default: closing returns at once, and the kernel goes on to send them.
        /// - `Some(Duration::ZERO)`: closing throws them away, and resets the connection.
        /// - `Some` of whole seconds, rounded up: closing *blocks the thread* until they are acknowledged or the time is
        ///   over, though the socket is non-blocking. Dropping the socket closes it, on a worker mostly: rather end writing
        ///   by `shutdown`, and read until the peer's end.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
            options::set_linger(self.as_fd(), linger)
        }

        /// Reads `SO_LINGER`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn linger(&self) -> io::Result<Option<Duration>> {
            options::linger(self.as_fd())
        }
    };
    (user_timeout) => {
        /// Sets `TCP_USER_TIMEOUT`: for how long sent bytes may stay without an acknowledgement before the connection ends
        /// with `TimedOut`, in milliseconds, rounded up. `None` leaves that to the kernel (`tcp_retries2`, a quarter of an
        /// hour).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
            options::USER_TIMEOUT.set(self.as_fd(), timeout)
        }

        /// Reads `TCP_USER_TIMEOUT`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
            options::USER_TIMEOUT.get(self.as_fd())
        }
    };
    (reuse_address) => {
        /// Sets `SO_REUSEADDR`: whether a TCP port may be had while connections of a former listener linger there, and a
        /// UDP port while others have it that allow the same. It matters when the socket is bound.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
            options::REUSE_ADDRESS.set(self.as_fd(), reuse)
        }

        /// Reads `SO_REUSEADDR`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn reuse_address(&self) -> io::Result<bool> {
            options::REUSE_ADDRESS.get(self.as_fd())
        }
    };
    (reuse_port) => {
        /// Sets `SO_REUSEPORT`: whether several sockets of the same user may be bound to one address. The kernel shares
        /// connections, or datagrams, among them. It matters when the socket is bound, and all must have set it.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
            options::REUSE_PORT.set(self.as_fd(), reuse)
        }

        /// Reads `SO_REUSEPORT`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn reuse_port(&self) -> io::Result<bool> {
            options::REUSE_PORT.get(self.as_fd())
        }
    };
    (buffer_sizes) => {
        /// Sets `SO_SNDBUF`: the bytes of the kernel's buffer for what is to be sent. Of TCP, this ends its growing and
        /// shrinking by itself.
        ///
        /// The kernel doubles the value, for its own needs, and keeps it between limits (`net.core.wmem_max`).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
            options::SEND_BUFFER.set(self.as_fd(), bytes)
        }

        /// Reads `SO_SNDBUF`: twice what was set, if that was within the limits.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn send_buffer_size(&self) -> io::Result<u32> {
            options::SEND_BUFFER.get(self.as_fd())
        }

        /// Sets `SO_RCVBUF`: the bytes of the kernel's buffer for what has been received. Of TCP, this ends its growing by
        /// itself; to have an effect on the window that is offered, set it before the socket connects or listens.
        ///
        /// The kernel doubles the value, for its own needs, and keeps it between limits (`net.core.rmem_max`).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
            options::RECEIVE_BUFFER.set(self.as_fd(), bytes)
        }

        /// Reads `SO_RCVBUF`: twice what was set, if that was within the limits.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn recv_buffer_size(&self) -> io::Result<u32> {
            options::RECEIVE_BUFFER.get(self.as_fd())
        }
    };
    (ttl) => {
        /// Sets how many hosts a packet may pass: `IP_TTL`, and of an IPv6 socket `IPV6_UNICAST_HOPS` (and `IP_TTL`, unless
        /// it is for IPv6 alone).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is not from 1 to 255.
        pub fn set_ttl(&self, hosts: u32) -> io::Result<()> {
            options::HOP_LIMIT.set(self.as_fd(), hosts)
        }

        /// Reads `IP_TTL`, and of an IPv6 socket `IPV6_UNICAST_HOPS`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn ttl(&self) -> io::Result<u32> {
            options::HOP_LIMIT.get(self.as_fd())
        }
    };
    (tos) => {
        /// Sets the byte by which packets ask for a kind of service: `IP_TOS`, and of an IPv6 socket `IPV6_TCLASS` (and
        /// `IP_TOS`, unless it is for IPv6 alone).
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_tos(&self, service: u32) -> io::Result<()> {
            options::TYPE_OF_SERVICE.set(self.as_fd(), service)
        }

        /// Reads `IP_TOS`, and of an IPv6 socket `IPV6_TCLASS`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn tos(&self) -> io::Result<u32> {
            options::TYPE_OF_SERVICE.get(self.as_fd())
        }
    };
    (only_v6) => {
        /// Sets `IPV6_V6ONLY`: whether an IPv6 socket leaves IPv4 to others, or serves both. It must be set before the
        /// socket is bound.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`: `InvalidInput` if it is bound; of an IPv4 socket, that there is no such
        /// option.
        pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
            options::ONLY_V6.set(self.as_fd(), only)
        }

        option!(read_only_v6);
    };
    (read_only_v6) => {
        /// Reads `IPV6_V6ONLY`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`: of an IPv4 socket, that there is no such option.
        pub fn only_v6(&self) -> io::Result<bool> {
            options::ONLY_V6.get(self.as_fd())
        }
    };
    (broadcast) => {
        /// Sets `SO_BROADCAST`: whether datagrams may be sent to broadcast addresses.
        ///
        /// # Errors
        ///
        /// The kernel's, from `setsockopt(2)`.
        pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
            options::BROADCAST.set(self.as_fd(), broadcast)
        }

        /// Reads `SO_BROADCAST`.
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`.
        pub fn broadcast(&self) -> io::Result<bool> {
            options::BROADCAST.get(self.as_fd())
        }
    };
    (take_error) => {
        /// Takes the error that the socket has met and that no call has given yet (`SO_ERROR`).
        ///
        /// # Errors
        ///
        /// The kernel's, from `getsockopt(2)`; the socket's own error is the value.
        pub fn take_error(&self) -> io::Result<Option<io::Error>> {
            socket::take_error(self.as_fd())
        }
    };
}

pub(crate) use option;
