//! From names to addresses.
//!
//! | file | what is there |
//! |---|---|
//! | `to_socket_addrs` | [`ToSocketAddrs`]: what names addresses |
//! | `addresses` | resolves it, on the blocking pool if it is a host name; tries one address after another |
//! | `lookup_host` | [`lookup_host()`]: the public function for the same |
//! | `race` | tries several addresses side by side, as RFC 8305 has it |

pub(crate) mod addresses;
mod lookup_host;
pub(crate) mod race;
pub(crate) mod to_socket_addrs;

pub use lookup_host::lookup_host;
pub use to_socket_addrs::ToSocketAddrs;
