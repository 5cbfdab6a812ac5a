//! A plain server in Go. It is compiled when the benchmark runs.

#![allow(clippy::disallowed_methods, reason = "a benchmark runs as the shell that it is run from")]

use crate::arena::contenders::{Contender, POEM};
use std::process::Command;

pub fn golang(port: u16) -> Result<Contender, String> {
    let contender = Contender::new("Go", "poem.pid", port);
    if !contender.answers_to(&["go", "version"]) {
        return Err("go is missing".into());
    }
    contender.write("poem.go", include_str!("poem.go"));
    contender.write("poem", POEM);
    if !contender.answers_to(&["go", "build", "-o", "server", "poem.go"]) {
        return Err(format!("it can't be compiled: {}", contender.complaint().trim()));
    }
    Ok(contender.runs_in_the_background(&["./server", &port.to_string(), "poem", "poem.pid"]))
}

/// The line that `go version` prints.
pub fn go_version() -> Option<String> {
    let said = Command::new("go").arg("version").output().ok()?;
    Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}
