//! Poems that are large enough to be sent from pages of their own, and those that just aren't.

use crate::support::{Foreground, Sandbox, connect, receive, through};

/// From this length on, in bytes, a poem is in pages of its own.
const LARGE: usize = 256 << 10;

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

/// As some sandboxes do.
#[test]
#[ignore = "strace"] // it refuses
fn where_pages_can_not_be_sent_a_poem_comes_whole_in_copies() {
    for refused in ["vmsplice", "splice"] {
        let (sandbox, poem) = poem_of(4 * LARGE + 1);
        let trace =
            ["strace", "-D", "-f", "-qq", "-o", "trace", "-e", "trace=vmsplice,splice,sendto"];
        let refuse = format!("inject={refused}:error=EPERM");
        let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
        let command = through(&[&trace[..], &["-e", &refuse]].concat(), &command);
        let daemon = Foreground::start(command).ready();
        assert_served(&daemon, &poem);
        daemon.stop();
        let trace = sandbox.read("trace");
        assert!(trace.contains("(INJECTED)") && trace.contains("sendto("), "{trace}");
    }
}
