//! Plugins: those that are built in, those that manifests declare, and those of another program.

#[path = "../support/mod.rs"]
mod support;

mod built_in;
mod command_line;
mod commands;
mod crowd;
mod example;
mod forwarding;
mod manifests;
mod options;
mod properties;
mod search_path;
mod trouble;

use nix::sys::resource::{Resource, setrlimit};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use support::{Foreground, Sandbox, run, stderr, stdout};

/// A plugin in the foreground, serving.
fn serve(sandbox: &Sandbox, args: &[&str]) -> Foreground {
    Foreground::start(with_manifests(sandbox, &[&["--nodaemon"], args].concat())).ready()
}

/// The program, with the manifests that lie in `plugins` of this directory, and no others.
fn with_manifests(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.poetryd(args);
    only_these_manifests(sandbox, &mut command);
    command
}

fn only_these_manifests(sandbox: &Sandbox, command: &mut Command) {
    command.env("POETRYD_PLUGIN_PATH", sandbox.path("plugins"));
    command.env("HOME", sandbox.path("")).env_remove("XDG_CONFIG_HOME");
}

/// Writes a manifest into `plugins`.
fn write_manifest(sandbox: &Sandbox, file: &str, text: &str) {
    fs::create_dir_all(sandbox.path("plugins")).unwrap();
    sandbox.write(&format!("plugins/{file}"), text);
}

/// A manifest without mistakes: the poem of a poet on a free port.
fn manifest(name: &str, description: &str) -> String {
    format!(
        "name = \"{name}\"\ndescription = \"{description}\"\n\n\
         [[options]]\nname = \"poet\"\ndefault = \"ecstasy\"\nhelp = \"Whose poem\"\n\n\
         [services.poem]\nkind = \"poem\"\nfile = \"poetry/{{poet}}.txt\"\n{FAST}"
    )
}

/// The end of many manifests: the service `poem`, to everybody.
const FAST: &str = "\n[services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
                    protocol = \"fast\"\npoem = \"poem\"\n";

/// What the program prints to standard output when it ends well.
fn said(command: Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    stdout(&output)
}

/// The program must say `part`, exit with 2, and leave the directory as it was, without ever forking:
/// no process more is allowed to the user. (Root is above such limits.)
fn assert_is_refused(sandbox: &Sandbox, args: &[&str], part: &str) {
    sandbox.give_to_unprivileged();
    let mut command = sandbox.poetryd_unprivileged(args);
    only_these_manifests(sandbox, &mut command);
    let forbid = || Ok(setrlimit(Resource::RLIMIT_NPROC, 0, 0)?);
    // SAFETY: between fork and exec only this system call is made.
    unsafe { command.pre_exec(forbid) };
    let before = sandbox.files();
    let output = run(command);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(part), "{args:?}: no {part:?} in {said}");
    assert_eq!(stdout(&output), "", "{args:?}");
    assert_eq!(sandbox.files(), before, "{args:?}");
}

/// Nothing more must come, for the moment. A server in a hurry would be caught, a slow one is not blamed.
fn assert_silent(client: &mut TcpStream) {
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let read = client.read(&mut [0; 100]).map_err(|e| e.kind());
    assert_eq!(read, Err(ErrorKind::WouldBlock));
}
