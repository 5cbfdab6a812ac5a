//! Poems that are large enough to be sent by sendfile(2), and those that just aren't.

use crate::support::{Foreground, Sandbox, connect, receive};
use nix::sys::resource::{Resource, setrlimit};
use std::os::unix::process::CommandExt;

/// From this length on, in bytes, a poem is sent by sendfile(2).
const LARGE: usize = 4 << 20;

/// The application of most tests, with a poem of this size.
fn poem_of(size: usize) -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", size);
    (sandbox, poem)
}

/// Without a comparison of megabytes in a failure's message.
fn assert_served(daemon: &Foreground, poem: &[u8]) {
    let (received, error) = receive(&mut connect(daemon.address("fast")));
    assert_eq!((received.len(), error), (poem.len(), None));
    assert!(received == poem, "other bytes");
}

#[test]
fn a_poem_comes_whole_on_both_sides_of_the_border_though_its_file_changes() {
    for size in [LARGE - 1, LARGE, LARGE + 1] {
        let (sandbox, poem) = poem_of(size);
        let daemon = sandbox.foreground();
        sandbox.write("poetry/ecstasy.txt", "something else");
        assert_served(&daemon, &poem);
    }
}

#[test]
fn where_there_can_be_no_large_file_in_memory_a_poem_comes_whole_with_a_warning() {
    let (sandbox, poem) = poem_of(LARGE);
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    let limit = LARGE as u64 - 1;
    // SAFETY: setrlimit is one system call, which is allowed between fork and exec.
    unsafe { command.pre_exec(move || Ok(setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?)) };
    let daemon = Foreground::start(command).ready();
    assert_served(&daemon, &poem);
    let log = daemon.stop().join("\n");
    assert!(log.contains("[ecstasy] warning: it is sent from memory, "), "{log}");
}
