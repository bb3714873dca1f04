//! Says in one line that Waterwheel is for Linux, where the compiler would say so in a hundred.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS");
    if system.as_deref() != Ok("linux") {
        println!(
            "cargo::error=Waterwheel runs on Linux only: it is built on epoll, eventfd and timerfd"
        );
    }
}
