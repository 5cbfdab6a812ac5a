//! Reloads with services whose start fails or hangs.

use crate::grove::{ask, start};
use crate::support::{Foreground, Sandbox, fetch, run, stderr, stdout};
use nix::sys::signal::Signal;
use std::process::Stdio;

const SERVER: &str = "[services.poem]\nkind = \"poem\"\nfile = \"poem\"\n\
                      [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
                      protocol = \"fast\"\npoem = \"poem\"\n";

/// A service that may not run twice at the same time.
const ALONE: &str = "[services.alone]\nkind = \"failing\"\ntimes = 0\n";

/// The states of all services.
fn states(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut status = ask(sandbox, "status");
    status.arg("--json");
    let json: serde_json::Value = serde_json::from_str(&stdout(&run(status))).unwrap();
    let services = json["services"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    services.map(|service| (text(&service["path"]), text(&service["state"]))).collect()
}

fn serves(daemon: &Foreground, poem: &[u8]) {
    assert!(fetch(daemon.address("fast")).unwrap() == poem);
}

pub fn a_start_that_fails_is_undone_and_what_had_to_stop_for_it_runs_again() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poem", 3003);
    let good = format!("{SERVER}{ALONE}");
    let daemon = start(&sandbox, &good);
    let before = states(&sandbox);
    let added = format!("{good}[services.new]\nkind = \"starting\"\n");
    let replaced = format!("{SERVER}[services.alone]\nkind = \"starting\"\n");
    for (name, file) in [("new", added), ("alone", replaced)] {
        sandbox.write("grove.toml", &file);
        let output = run(ask(&sandbox, "reload"));
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        let why = format!("service {name} could not start: no more ink");
        assert!(told.contains(&why), "{told}");
        daemon.wait_for(&format!("reload failed; everything is as it was: {why}"));
        assert_eq!(states(&sandbox), before);
        serves(&daemon, &poem);
        sandbox.write("grove.toml", &good);
        let output = run(ask(&sandbox, "reload"));
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(states(&sandbox), before);
        serves(&daemon, &poem);
    }
    daemon.stop();
}

pub fn a_start_that_hangs_delays_neither_clients_nor_a_stop() {
    for exclusive in [false, true] {
        let sandbox = Sandbox::new();
        let poem = sandbox.write_poem("poem", 3003);
        let daemon = start(&sandbox, &format!("{SERVER}{ALONE}"));
        let name = if exclusive { "alone" } else { "new" };
        let hanging = format!("[services.{name}]\nkind = \"starting\"\nhangs = true\n");
        let alone = if exclusive { "" } else { ALONE };
        sandbox.write("grove.toml", &format!("{SERVER}{alone}{hanging}"));
        let mut reload = ask(&sandbox, "reload");
        let reload = reload.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        daemon.wait_for(&format!("[{name}] is starting"));
        serves(&daemon, &poem);
        daemon.signal(Signal::SIGTERM);
        let (status, log) = daemon.wait();
        let log = log.join("\n");
        assert!(status.success() && log.contains("stopped cleanly"), "{status}\n{log}");
        assert!(log.contains("the reload in progress is abandoned"), "{log}");
        let output = reload.wait_with_output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("the daemon is stopping"), "{told}");
    }
}
