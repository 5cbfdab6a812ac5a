//! Who else hears the events of a program: layers beside the log, or a subscriber in its place.

use crate::errors::{muse, start, stop};
use crate::support::{Sandbox, run, stderr};
use nix::sys::signal::Signal;

pub fn a_layer_hears_all_events_and_the_log_is_as_without_it() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "listen"));
    let heard = sandbox.read("heard");
    assert!(heard.starts_with("WARN\nDEBUG\nINFO\n"), "{heard}");
    assert!(log.contains("the muse is tired") && !log.contains("yawning"), "{log}");
    assert!(log.contains("muse 1.2.3 starts with pid "), "{log}");
}

pub fn a_program_with_a_subscriber_of_its_own_keeps_it() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "subscribe");
    daemon.signal(Signal::SIGUSR1);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert!(sandbox.read("heard").starts_with("WARN\nDEBUG\nINFO\n"));
    assert!(!sandbox.path("muse.log").exists(), "there are two logs");
    assert!(!sandbox.path("muse.pid").exists(), "the daemon did not stop cleanly");
}

pub fn with_a_subscriber_of_its_own_a_program_refuses_options_about_the_log() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "subscribe", &["--log-level", "debug"]));
    assert_eq!(output.status.code(), Some(2));
    let expected = "muse: --log-level has no effect here: this program sets up its own log";
    assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
}

pub fn a_subscriber_that_nobody_told_of_is_an_error() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "subscribe in secret", &["--nodaemon"]));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("logging has been set up already"), "{said}");
    assert!(said.contains("own_subscriber"), "{said}");
}
