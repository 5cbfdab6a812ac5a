//! A plain server in Go. It is compiled when the benchmark runs.

use crate::arena::contenders::{Contender, POEM};

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
