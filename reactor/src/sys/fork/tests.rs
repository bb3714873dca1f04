//! Tests of `fork`.

use super::*;

/// Runs `child` in a child of this process, and gives what it returns.
fn in_a_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child makes no use of what other threads have, and ends by `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("no child"),
        0 => {
            let status = if child() { 7 } else { 1 };
            // SAFETY: the call takes no pointers.
            unsafe { libc::_exit(status) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: the status is written to a place of its type.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert!(
                libc::WIFEXITED(status),
                "the child died: status {status:#x}"
            );
            libc::WEXITSTATUS(status) == 7
        }
    }
}

#[test]
fn the_same_process_stays_the_same() {
    let process = Process::current();
    assert!(process.is_current());
    assert_eq!(process, Process::current());
    let other_thread = thread::spawn(Process::current);
    assert_eq!(other_thread.join().expect("no panic"), process);
}

#[test]
fn a_child_and_a_grandchild_are_others() {
    let process = Process::current();
    assert!(in_a_child(|| {
        let child = Process::current();
        !process.is_current()
            && child != process
            && child.is_current()
            && in_a_child(|| {
                let grandchild = Process::current();
                !process.is_current()
                    && !child.is_current()
                    && ![process, child].contains(&grandchild)
            })
            && child.is_current()
    }));
    assert!(process.is_current());
}

/// Nothing runs at a raw clone, such as a handler of `pthread_atfork`.
#[test]
fn a_child_of_a_raw_clone_is_another() {
    let process = Process::current();
    // SAFETY: without `CLONE_VM` it is as `fork`. The child takes no lock, allocates nothing, and ends by `_exit`.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        let differs = !process.is_current() && Process::current() != process;
        // SAFETY: the call takes no pointers.
        unsafe { libc::_exit(if differs { 7 } else { 1 }) }
    }
    let mut status = 0;
    // SAFETY: the status is written to a place of its type.
    let waited = unsafe { libc::waitpid(pid as libc::pid_t, &raw mut status, 0) };
    assert_eq!(i64::from(waited), pid);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7);
}

#[test]
fn where_the_kernel_refuses_the_page_the_pid_tells() {
    static WITHOUT: Mark = Mark::new(|| None);
    let number = WITHOUT.number();
    assert_eq!(WITHOUT.look(), 0, "each look asks");
    assert_eq!(WITHOUT.number(), number);
    assert!(in_a_child(|| {
        let child = WITHOUT.number();
        child != number && WITHOUT.number() == child && WITHOUT.look() == 0
    }));
    assert_eq!(WITHOUT.number(), number);
}

#[test]
fn threads_that_look_first_at_once_agree() {
    static FRESH: Mark = Mark::new(map_page);
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| FRESH.number())).collect();
    let mut numbers = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"));
    let first = numbers.next().expect("eight");
    assert!(numbers.all(|number| number == first));
    assert_eq!(FRESH.look(), first.get());
}

#[test]
fn what_is_owned_can_be_taken_over() {
    let owner = Owner::new();
    assert!(owner.is_current());
    assert!(in_a_child(|| {
        let was = owner.is_current();
        owner.take_over();
        !was && owner.is_current()
    }));
    assert!(owner.is_current());
}

#[test]
fn a_lock_that_a_vanished_thread_held_is_taken_over() {
    static LOCK: Lock<Vec<u32>> = Lock::new(Vec::new(), Vec::new);
    let mut held = LOCK.lock();
    held.push(1);
    assert!(in_a_child(|| {
        let fresh = LOCK.lock().is_empty();
        LOCK.lock().push(2);
        fresh && *LOCK.lock() == [2]
    }));
    assert_eq!(*held, [1]);
}

#[test]
fn a_lock_is_one_threads_at_a_time() {
    static LOCK: Lock<u64> = Lock::new(0, || 0);
    const EACH: u64 = 10_000;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..EACH {
                    *LOCK.lock() += 1;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(*LOCK.lock(), 4 * EACH);
}
