//! How many descriptors a process may have: by default fewer than a load of many connections takes.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// What a process has beside its connections.
const OTHERS: u64 = 200;

/// Lets this process, and those that it starts, have as many as they may. An error of the kind `Unsupported` says that those are
/// too few for so many connections.
pub(crate) fn allow_connections(count: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let Some(most) = limit.maximum else {
        return Ok(());
    };
    if most < count + OTHERS {
        let lacks =
            format!("{count} connections are more than `ulimit -Hn` allows, which is {most}");
        return Err(io::Error::new(io::ErrorKind::Unsupported, lacks));
    }
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_are_not_supported() {
        allow_connections(1).expect("there is always one");
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = allow_connections(u64::MAX / 2).expect_err("nobody has so many");
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
    }
}
