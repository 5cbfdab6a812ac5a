//! Clients that connected before the service had started: an answer that is cut ends in a reset for them, too.

use crate::activation::{activated, listener};
use crate::held_file::HeldFile;
use crate::support::{Foreground, Sandbox, connect, fast_toml, receive};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

/// Far more than the kernel keeps for a client that does not read.
const POEM: usize = 16 << 20;

/// How an answer comes to be cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Killed,
    Deadline,
    Stalled,
}

const CUTS: [Cut; 3] = [Cut::Killed, Cut::Deadline, Cut::Stalled];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let options = "write-timeout = 0.3\n\n[daemon]\nstop-timeout = 0.1";
    sandbox.write("fast.toml", &fast_toml(options));
    sandbox
}

/// Cuts the answer to a client that has read its beginning.
fn cut(how: Cut, daemon: Foreground, mut client: TcpStream) {
    client.read_exact(&mut [0; 1000]).unwrap();
    match how {
        Cut::Killed => {
            daemon.signal(Signal::SIGKILL);
            daemon.wait();
        }
        Cut::Deadline => {
            daemon.signal(Signal::SIGTERM);
            daemon.wait();
        }
        Cut::Stalled => drop(daemon.wait_for("read nothing for 0.3 seconds")),
    }
    let (received, end) = receive(&mut client);
    assert!(received.len() < POEM - 1000, "{how:?}: it was not cut");
    assert_eq!(end, Some(ErrorKind::ConnectionReset), "{how:?}, {} bytes", received.len());
}

#[test]
fn an_answer_that_is_cut_resets_a_client_that_came_before_the_daemon() {
    for how in CUTS {
        let sandbox = sandbox();
        sandbox.write_poem("poetry/ecstasy.txt", POEM);
        let listener = listener();
        let client = connect(listener.local_addr().unwrap());
        let daemon = Foreground::start(activated(&sandbox, listener, "fast", "$$")).ready();
        cut(how, daemon, client);
    }
}

#[test]
fn an_answer_that_is_cut_resets_a_client_that_came_while_a_poem_was_loaded() {
    for how in CUTS {
        let sandbox = sandbox();
        sandbox.write_poem("poetry/ecstasy.txt", POEM);
        let poem = HeldFile::hold(&sandbox.path("poetry/ecstasy.txt"));
        let daemon = Foreground::start(sandbox.poetryd(&["--nodaemon", "fast.toml"]));
        let client = connect(daemon.address("fast"));
        poem.wait_until_wanted();
        poem.release();
        cut(how, daemon.ready(), client);
    }
}
