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
    let environment = Environment::claim();
    reap_orphans_as_process_1();
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

/// Process 1 of a container gets the children of processes that have ended there, such as those that `podman exec` starts.
/// Since this program has no children of its own, the kernel may remove them when they end; see wait(2).
fn reap_orphans_as_process_1() {
    if std::process::id() == 1 {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    }
}
