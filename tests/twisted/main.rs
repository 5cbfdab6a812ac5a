//! Together with Twisted itself: its clients with our servers, and ours with its servers.
//!
//! The tests make a virtual environment and have pip install Twisted there, from PyPI; it is kept under
//! target/ for the next run. `$POETRYD_TEST_VENV` names another one to use instead, which has Twisted already.

#[path = "../support/mod.rs"]
mod support;

mod our_clients;
#[path = "../readme/output.rs"]
mod output;
#[path = "../readme/pages.rs"]
mod pages;
#[path = "../readme/place.rs"]
mod place;
#[path = "../readme/session.rs"]
mod session;
#[path = "../readme/shell.rs"]
mod shell;
mod their_clients;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use support::python::python_with;
use support::{ECSTASY, Foreground, Sandbox, command};

/// A Python that has Twisted.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| python_with("twisted"));

/// One of the programs in this directory.
fn twisted(program: &str, args: &[&str]) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twisted");
    let mut python = command(&*PYTHON);
    python.arg(directory.join(program)).args(args);
    python
}

#[test]
#[ignore = "python3"]
fn the_page_for_those_who_come_from_twistd_is_true_of_twistd_too() {
    let place = place::CloneDirectory::new().with_programs_of(PYTHON.parent().unwrap());
    assert!(session::Place::has(&place, "twistd"), "there is no twistd beside {PYTHON:?}");
    session::type_in(&pages::page("coming_from_twistd"), &place);
}

/// A poem of several languages and with bytes that are of none; with a file of it in the sandbox.
fn strange_poem(sandbox: &Sandbox) -> Vec<u8> {
    let poem = [ECSTASY, "Così È\n".as_bytes(), b"\0\xff\r\n.:,9:X"].concat();
    std::fs::write(sandbox.path("poetry/ecstasy.txt"), &poem).unwrap();
    poem
}

/// A daemon with one listener, called `served`, on a free port.
fn served(sandbox: &Sandbox, protocol: &str, more: &str) -> Foreground {
    let application = format!(
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
         [services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
         protocol = \"{protocol}\"\n{more}\n"
    );
    sandbox.write("served.toml", &application);
    let args = ["--nodaemon", "--stop-timeout", "0.5", "served.toml"];
    Foreground::start(sandbox.poetryd(&args)).ready()
}

/// The port of a daemon, as an argument.
fn port(daemon: &Foreground) -> String {
    daemon.address("served").port().to_string()
}

/// A file as a program's standard input.
fn input(sandbox: &Sandbox, name: &str) -> Stdio {
    File::open(sandbox.path(name)).unwrap().into()
}
