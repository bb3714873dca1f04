//! Where the kernel gives no threads, a runtime is not made, and says so; what has been made of it is given back. A test of its own
//! process: it takes the process's address space away, so that there is none for a stack.

mod common;

use common::{descriptors, eventually, threads};
use std::{fs, mem};
use waterwheel::Runtime;

/// Sets how much address space the process may have, in bytes. Gives the limit that was.
fn limit_address_space(bytes: libc::rlim_t) -> libc::rlim_t {
    // SAFETY: plain data, for which zeros are a value.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a place of that type.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
    let before = mem::replace(&mut limit.rlim_cur, bytes);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    before
}

#[test]
fn a_runtime_without_threads() {
    // What is allocated once, is allocated now.
    drop(Runtime::builder().worker_threads(2).build().unwrap());
    eventually("no thread is left", || threads().len() == 2);
    let before = descriptors();
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: libc::rlim_t = status.split(' ').next().unwrap().parse().unwrap();
    // Stacks of this size: there is room for two of them, and not for the other five.
    let stack = 64 << 20;
    let limit = limit_address_space(pages * 4096 + 2 * stack + stack / 2);
    let build = || {
        let builder = Runtime::builder().worker_threads(6);
        builder.thread_stack_size(stack as usize).build()
    };
    for _ in 0..3 {
        let error = build().expect_err("there is no room for that");
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        assert_eq!(descriptors(), before);
        eventually("those that were started have ended", || {
            threads().len() == 2
        });
    }
    limit_address_space(limit);
    let runtime = build().expect("there is room again");
    assert_eq!(runtime.block_on(async { 7 }), 7);
}
