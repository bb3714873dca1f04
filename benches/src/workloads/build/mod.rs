//! Build time: how long a user waits for a program of a few lines, from nothing, in release mode.
//!
//! The programs are the same but for the runtime that they sleep by, with the features that a server needs. Each is a package in a
//! temporary directory, with the versions that the benches themselves are locked to; their sources are here already, so that nothing is
//! fetched. What is built is run.

use super::{Bound, Entry, Unit};
use crate::contest::{Aside, Contestant, Pace, Sample};
use crate::machine::LOCK;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program of a few lines.
struct Program {
    name: &'static str,
    dependency: &'static str,
    main: &'static str,
}

const WATERWHEEL: Program = Program {
    name: "waterwheel",
    dependency: concat!(
        "waterwheel = { path = \"",
        env!("CARGO_MANIFEST_DIR"),
        "/..\" }"
    ),
    main: "fn main() { waterwheel::block_on(waterwheel::sleep(std::time::Duration::from_millis(1))); }",
};

const TOKIO: Program = Program {
    name: "tokio",
    dependency: "tokio = { version = '1', features = ['rt', 'net', 'time'] }",
    main: "fn main() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(1)).await });
    }",
};

const SMOL: Program = Program {
    name: "smol",
    dependency: "smol = '2'",
    main: "fn main() { smol::block_on(smol::Timer::after(std::time::Duration::from_millis(1))); }",
};

const MONOIO: Program = Program {
    name: "monoio",
    dependency: "monoio = { version = '0.2', default-features = false, features = ['legacy'] }",
    main: "fn main() {
        let builder = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().enable_timer();
        let sleep = async { monoio::time::sleep(std::time::Duration::from_millis(1)).await };
        builder.build().unwrap().block_on(sleep);
    }",
};

/// Every workload of the group.
pub(super) fn all() -> Vec<Entry> {
    vec![Entry {
        group: "build",
        name: "clean_build",
        what: "a clean release build of a program that sleeps",
        unit: Unit::Time,
        pace: Pace::Single,
        quick: false,
        bounds: vec![Bound::Ratio(TOKIO.name, 0.6)],
        contestants: || {
            let has_cargo = Command::new(cargo()).arg("--version").output().is_ok();
            if !has_cargo {
                let lacks = "there is no cargo to build with";
                return Err(io::Error::new(io::ErrorKind::Unsupported, lacks));
            }
            let programs = [WATERWHEEL, TOKIO, SMOL, MONOIO];
            programs.into_iter().map(contestant).collect()
        },
    }]
}

/// The one that has started this program, or that on the path.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn contestant(program: Program) -> io::Result<Contestant> {
    let package = TempDir::new()?;
    let manifest = format!(
        "[package]\nname = 'program'\nversion = '0.0.0'\nedition = '2024'\n\
         [dependencies]\n{}\n[workspace]\n",
        program.dependency
    );
    fs::write(package.path().join("Cargo.toml"), manifest)?;
    fs::write(package.path().join("Cargo.lock"), LOCK)?;
    fs::create_dir(package.path().join("src"))?;
    fs::write(package.path().join("src/main.rs"), program.main)?;
    Ok(Contestant {
        name: program.name,
        measure: Box::new(move |builds| {
            let took = (0..builds).map(|_| build(&package)).sum();
            let mut sample = Sample::of_time(took, u64::from(builds));
            sample.asides.push(crates(&package));
            sample
        }),
    })
}

/// How many crates there are beside the program itself: cargo has left no others in its lock file.
fn crates(package: &TempDir) -> Aside {
    let lock = fs::read_to_string(package.path().join("Cargo.lock"));
    let packages = lock.expect("cargo keeps it").matches("[[package]]").count();
    Aside {
        name: "crates",
        unit: Unit::Count,
        value: (packages - 1) as f64,
    }
}

/// Builds a package from nothing, and runs it.
fn build(package: &TempDir) -> Duration {
    let target = TempDir::new().expect("a directory to build in");
    let mut cargo = Command::new(cargo());
    cargo
        .current_dir(package)
        .args(["build", "--release", "--offline", "--quiet", "--target-dir"])
        .arg(target.path())
        // A cache of what was compiled before would be what is measured.
        .env("RUSTC_WRAPPER", "")
        .stdin(Stdio::null());
    let began = Instant::now();
    let built = cargo.status().expect("cargo runs");
    let took = began.elapsed();
    assert!(built.success(), "a program of a few lines is built");
    let program = Command::new(target.path().join("release/program")).status();
    assert!(program.expect("it was built").success(), "and runs");
    took
}
