//! A daemon that is told to reload with mistakes, and has to be as it was after each of them.

use crate::FAILED;
use crate::support::{Foreground, Sandbox, fetch, stderr, stdout, until};
use nix::unistd::Pid;
use std::net::SocketAddr;
use std::process::Command;

/// The application of these tests: a poem and two listeners, one of them in a group.
pub const GOOD: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
    [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = PORT\nprotocol = \"fast\"\npoem = \"ecstasy\"\n\
    [services.night]\nkind = \"group\"\n\
    [services.night.services.local]\nkind = \"unix\"\npath = \"poetry.sock\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n";

/// A port of 127.0.0.1 that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A daemon, and what it was at its start.
pub struct Trial<'a> {
    sandbox: &'a Sandbox,
    pub daemon: Foreground,
    good: String,
    /// Where its pid file and control socket are.
    rundir: &'a str,
    before: serde_json::Value,
    address: SocketAddr,
    poem: Vec<u8>,
    refusals: usize,
}

impl<'a> Trial<'a> {
    /// Starts a command whose application file is `app.toml`, with this content.
    pub fn start(sandbox: &'a Sandbox, good: String, command: Command, rundir: &'a str) -> Self {
        let daemon = Foreground::start(command).ready();
        let address = daemon.address("fast");
        let poem = fetch(address).unwrap();
        let before = services(sandbox, rundir, daemon.pid());
        Self { sandbox, daemon, good, rundir, before, address, poem, refusals: 0 }
    }

    /// Has it reload `app.toml` as it is now. That has to be refused with this exit status of `poetryd reload`, and
    /// with these words.
    pub fn is_refused(&mut self, status: i32, words: &[&str]) {
        let output = self.sandbox.run(&["--rundir", self.rundir, "reload"]);
        let told = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{told}");
        self.refusals += 1;
        for word in words {
            assert!(told.contains(word), "no {word:?} in the answer\n{told}");
            // The log is a little behind the answer.
            until(word, || self.refusal().is_some_and(|refusal| refusal.contains(word)));
        }
        self.is_as_it_was();
    }

    /// What the log says from the last refusal on.
    fn refusal(&self) -> Option<String> {
        let log = self.daemon.log().join("\n");
        let refusals: Vec<&str> = log.split(FAILED).skip(1).collect();
        assert!(refusals.len() <= self.refusals, "{log}");
        Some((*refusals.get(self.refusals - 1)?).to_owned())
    }

    /// The same, with another content of `app.toml`; afterwards it is the good one again, and a reload succeeds.
    pub fn refuses(&mut self, file: &str, status: i32, words: &[&str]) {
        assert_ne!(file, self.good, "there is no mistake");
        self.sandbox.write("app.toml", file);
        self.is_refused(status, words);
        self.sandbox.write("app.toml", &self.good);
        self.reloads();
    }

    pub fn reloads(&self) {
        let output = self.sandbox.run(&["--rundir", self.rundir, "reload"]);
        assert!(output.status.success(), "{}", stdout(&output) + &stderr(&output));
        self.is_as_it_was();
    }

    /// The good file with something else in place of a text.
    pub fn with(&self, text: &str, other: &str) -> String {
        assert!(self.good.contains(text));
        self.good.replace(text, other)
    }

    fn is_as_it_was(&self) {
        let now = services(self.sandbox, self.rundir, self.daemon.pid());
        assert_eq!(now, self.before);
        assert!(fetch(self.address).unwrap() == self.poem);
    }
}

/// What the daemon says about its services, apart from times and counters.
fn services(sandbox: &Sandbox, rundir: &str, pid: Pid) -> serde_json::Value {
    let mut json = serde_json::Value::Null;
    until("the end of what is replaced", || {
        let output = sandbox.run(&["--rundir", rundir, "status", "--json"]);
        json = serde_json::from_str(&stdout(&output)).unwrap();
        json["draining"] == serde_json::json!([])
    });
    assert_eq!((&json["pid"], &json["phase"]), (&pid.as_raw().into(), &"running".into()));
    let services = json["services"].as_array().unwrap().iter();
    let parts = ["path", "kind", "state", "status", "last_failure"];
    services
        .map(|service| parts.map(|part| service[part].clone()).to_vec())
        .collect::<Vec<_>>()
        .into()
}
