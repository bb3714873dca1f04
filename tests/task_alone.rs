//! The task can be lifted out of the executor: its folder, copied into a crate that has nothing else of that, builds there, and its tests pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All that a task uses beside its own folder: what models replace, and how deep lists are checked.
const STAND_INS: &str = "
//! The folder `task` of waterwheel-executor, and what stands in for the rest.
#![allow(dead_code, unreachable_pub)]

mod task;

mod sync {
    pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

mod validate {
    pub(crate) fn depth(_: u64, _: usize) -> usize {
        usize::MAX
    }

    #[cfg(test)]
    pub(crate) mod tests {
        pub(crate) fn refuses(word: &str, check: impl FnOnce()) {
            let check = std::panic::AssertUnwindSafe(check);
            let payload = std::panic::catch_unwind(check).expect_err(word);
            std::mem::drop(payload);
        }
    }
}
";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_folder_of_the_task_builds_and_passes_its_tests_by_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let alone = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("task-alone");
    let _ = fs::remove_dir_all(alone.join("src"));
    copy(&root.join("executor/src/task"), &alone.join("src/task"));
    fs::write(alone.join("src/lib.rs"), STAND_INS).unwrap();
    let manifest = format!(
        "[package]\nname = \"task-alone\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         waterwheel-poll-context.path = {:?}\n",
        root.join("poll_context")
    );
    fs::write(alone.join("Cargo.toml"), manifest).unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(&alone)
        .args(["test", "--offline", "--lib", "--target-dir"])
        .arg(alone.join("target"))
        // What is set for this run is not for that one.
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo, which has built this");
    let (told, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}\n{errors}");
    let explored = "task::snapshot::tests::every_reachable_world_keeps_the_rules ... ok";
    assert!(told.contains(explored), "the explorer has not run:\n{told}");
    assert!(
        told.contains("task::tests::") && told.contains("task::owned::validate::"),
        "{told}"
    );
}
