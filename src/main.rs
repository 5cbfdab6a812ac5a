//! The poetryd program.

#[cfg(all(feature = "client", feature = "generate"))]
#[path = "bin/get-poetry/options.rs"]
#[allow(dead_code)] // it is not run here
mod get_poetry;

use poetryd::config::Registry;
use poetryd::daemon::Environment;
use poetryd::{Program, poetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    use_one_pool_of_memory();
    return_large_pieces_of_memory();
    let environment = Environment::claim();
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    #[cfg(feature = "web")]
    poetryd::web::register(&mut registry);
    let program = Program::new(
        "poetryd",
        env!("CARGO_PKG_VERSION"),
        "Runs a tree of services as a well-behaved Unix daemon, and serves poetry out of the box",
    )
    .registry(registry)
    .plugins(poetry::plugins())
    .built_in(|| Ok(poetry::built_in_application()?));
    #[cfg(all(feature = "client", feature = "generate"))]
    let program = program.manual_of(<get_poetry::CommandLine as clap::CommandFactory>::command());
    program.run(environment, std::env::args_os())
}

/// Lets all threads take their memory from one pool. The GNU C library would give each worker one of its own, which
/// grows a page at a time by a system call: for ten thousand services that takes 5% of the CPU time of their start
/// and stop, and two pools hold more memory than one.
fn use_one_pool_of_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: there is one thread, and the call takes two numbers. If it fails, everything is as it was.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Lets pieces of 256 KiB and more have memory of their own, which is returned to the system when they are freed: the
/// requests and answers of the protocol `transform`, for example. The GNU C library would take pieces of up to 32 MiB
/// from the pool when one of them has been freed, and keep the memory as long as anything behind it is in use.
fn return_large_pieces_of_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: there is one thread, and the call takes two numbers. If it fails, everything is as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 * 1024);
    }
}
