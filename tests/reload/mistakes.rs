//! Each kind of mistake: a reload is refused with the reason, and everything is as it was.

use crate::support::{Sandbox, stderr};
use crate::trial::{GOOD, Trial, free_port};
use std::fs;
use std::net::TcpListener;

/// A sandbox with the good application on a free port.
fn sandbox() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let good = GOOD.replace("PORT", &free_port().to_string());
    sandbox.write("app.toml", &good);
    (sandbox, good)
}

fn trial<'a>(sandbox: &'a Sandbox, good: &str) -> Trial<'a> {
    let command = sandbox.poetryd(&["--nodaemon", "app.toml"]);
    Trial::start(sandbox, good.to_owned(), command, ".")
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    let (sandbox, good) = sandbox();
    let mut trial = trial(&sandbox, &good);
    trial.refuses(&format!("{good}[services.x\n"), 2, &["app.toml:17:12: ", "[services.x"]);
    trial.refuses(&trial.with("kind = \"tcp\"", "kind = \"tpc\""), 2, &["app.toml:5:8: ", "tcp"]);
    // Both listeners need it.
    let without = trial.with("[services.ecstasy]", "[services.other]");
    trial.refuses(&without, 2, &["app.toml:9:8: ", "no poem named \"ecstasy\""]);
    trial.daemon.stop();
}

#[test]
fn a_poem_without_a_file_is_named_with_its_file() {
    let (sandbox, good) = sandbox();
    let mut trial = trial(&sandbox, &good);
    let words = ["service ecstasy could not start: ", "poetry/none.txt: No such file"];
    trial.refuses(&trial.with("ecstasy.txt", "none.txt"), 1, &words);
    // The same file, which is gone.
    fs::rename(sandbox.path("poetry/ecstasy.txt"), sandbox.path("poetry/moved")).unwrap();
    let words = ["service ecstasy could not prepare the reload: ", "ecstasy.txt: No such file"];
    trial.is_refused(1, &words);
    fs::rename(sandbox.path("poetry/moved"), sandbox.path("poetry/ecstasy.txt")).unwrap();
    trial.reloads();
    trial.daemon.stop();
}

#[test]
fn a_port_that_another_process_has_is_named_with_it() {
    let (sandbox, good) = sandbox();
    let mut trial = trial(&sandbox, &good);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let holder = format!("process {} (", std::process::id());
    let more = format!(
        "{good}[services.more]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\nprotocol = \"fast\"\npoem = \"ecstasy\"\n"
    );
    let words = ["service more could not start: ", &format!("127.0.0.1:{port}"), &holder];
    trial.refuses(&more, 1, &words);
    // Some of what is new is open already when that fails.
    let first = format!(
        "{more}[services.a]\nkind = \"unix\"\npath = \"a.sock\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n"
    );
    let (start, end) = first.split_at(first.find("[services.more]").unwrap());
    let swapped = format!(
        "[services.b]\nkind = \"unix\"\npath = \"b.sock\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n{start}{end}"
    );
    trial.refuses(&swapped, 1, &words);
    assert!(!sandbox.files().contains(&"b.sock".to_owned()), "{:?}", sandbox.files());
    // An address of a kept poem moves there.
    let own = good.lines().find(|line| line.starts_with("port")).unwrap().to_owned();
    let words = ["service fast could not start: ", &holder];
    trial.refuses(&trial.with(&own, &format!("port = {port}")), 1, &words);
    trial.daemon.stop();
}

#[test]
fn an_address_that_overlaps_the_one_before_is_refused_with_the_way_out() {
    let (sandbox, good) = sandbox();
    let mut trial = trial(&sandbox, &good);
    let advice = "remove that address with one reload and add this one with the next, or restart";
    let words = ["service fast could not start: ", "which the service fast listens on", advice];
    trial.refuses(&trial.with("\"127.0.0.1\"", "\"*\""), 1, &words);
    // What it advises.
    let fast = good.find("[services.fast]").unwrap()..good.find("[services.night]").unwrap();
    for file in [good.replace(&good[fast], ""), trial.with("\"127.0.0.1\"", "\"*\"")] {
        sandbox.write("app.toml", &file);
        let output = sandbox.run(&["reload"]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    trial.daemon.stop();
}
