//! The minimum: a server in C that does only what is necessary. It is compiled when the benchmark runs.

use crate::arena::contenders::{Contender, POEM};

pub fn floor(port: u16) -> Result<Contender, String> {
    let contender = Contender::new("floor in C", "floor.pid", port);
    if !contender.answers_to(&["cc", "--version"]) {
        return Err("there is no C compiler (cc)".into());
    }
    contender.write("floor.c", include_str!("floor.c"));
    contender.write("poem", POEM);
    if !contender.answers_to(&["cc", "-O2", "-Wall", "-o", "floor", "floor.c"]) {
        return Err(format!("it can't be compiled: {}", contender.complaint().trim()));
    }
    Ok(contender.runs(&["./floor", &port.to_string(), "poem", "floor.pid"]))
}
