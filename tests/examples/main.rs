//! Every example is run as a program, and does what it is an example of.
//!
//! In `path.rs`: the numbered ones, but for the last, which has `key_value.rs`. In `deferred.rs`: those that walk through the
//! Twisted tutorial.
//!
//! `cargo test` builds them, but `cargo test --test examples` does not: before that, `cargo build --examples`.

mod deferred;
mod key_value;
mod path;
#[path = "../support/mod.rs"]
mod support;
/// The example that is a test. (With `test = true`, cargo would build it as a test only, and not as a program.)
#[allow(dead_code)] // its `main`
#[path = "../../examples/13_testing.rs"]
mod testing;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use support::network::own_network;
use support::{Foreground, Sandbox, command, connect};

/// The program that cargo has built from `examples/NAME.rs`: in a folder beside the one of this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "{} is not built: cargo build --examples", program.display());
    program
}

/// Where examples run: their ports are fixed.
struct Stage {
    sandbox: Sandbox,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Stage {
    fn new() -> Self {
        Self { _turn: own_network(), sandbox: Sandbox::new() }
    }

    /// Starts an example in the foreground, with these arguments after `--nodaemon`, and waits until it is ready.
    fn start(&self, name: &str, args: &[&str]) -> Foreground {
        let mut command = command(example(name));
        command.arg("--nodaemon").args(args);
        command.current_dir(self.sandbox.path("")).env("HOME", self.sandbox.path(""));
        Foreground::start(command).ready()
    }
}

/// A client that sends lines and gets lines.
struct LineClient(BufReader<TcpStream>);

impl LineClient {
    fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(connect(address)))
    }

    /// Sends a line, and returns the answer, without its newline. `None`: the connection has ended.
    fn ask(&mut self, line: &str) -> Option<String> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).ok()?;
        self.answer()
    }

    fn answer(&mut self) -> Option<String> {
        let mut answer = String::new();
        self.0.read_line(&mut answer).ok()?;
        answer.strip_suffix('\n').map(str::to_owned)
    }
}

#[test]
fn every_numbered_example_says_how_it_is_run_and_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let tests = include_str!("path.rs").to_owned() + include_str!("key_value.rs");
    let mut numbers = BTreeSet::new();
    for file in sources {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let Some((number, _)) = name.split_once('_').filter(|(n, _)| n.parse::<u8>().is_ok())
        else {
            continue;
        };
        numbers.insert(number.parse::<usize>().unwrap());
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(&format!("//!     cargo run --example {name} -- "))
                || text.contains(&format!("//!     cargo build --example {name}\n")),
            "{name}"
        );
        assert!(tests.contains(&format!("\"{name}\"")), "{name} is not run by a test");
    }
    assert_eq!(numbers, (1..=numbers.len()).collect(), "the numbers have a gap");
}
