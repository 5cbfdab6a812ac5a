//! The page of the guide that installs the units, typed on a machine of its own.

use crate::machine::{Machine, nsenter};
use crate::pages::page;
use crate::session::{Place, type_in};
use crate::support::command;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The clone in which the page is typed, and what a build there would leave.
const CLONE: &str = "/root/poetryd";

impl Place for Machine {
    fn bash(&self) -> Command {
        nsenter(self.init(), &["bash", "--norc"])
    }

    fn preparation(&self) -> String {
        let compiled =
            r#"cargo() { [ "$*" = "build --release" ] && [ -x target/release/poetryd ]; }"#;
        format!("{compiled}; cd {CLONE}")
    }

    fn as_shown(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    fn write(&self, name: &str, text: &str) {
        Machine::write(self, name, text.as_bytes());
    }

    fn outputs(&self) -> PathBuf {
        self.path("/tmp")
    }

    fn has(&self, _program: &str) -> bool {
        true
    }

    /// Whatever it is, it ends with the machine.
    fn left_running(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
#[ignore = "systemd"]
fn every_command_prints_what_is_shown_in_systemd() {
    let machine = Machine::boot_bare();
    Machine::write(&machine, "/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n");
    let program = Path::new(env!("CARGO_BIN_EXE_poetryd"));
    std::fs::create_dir_all(machine.path(&format!("{CLONE}/target/release"))).unwrap();
    machine.install(program, &format!("{CLONE}/target/release/poetryd"), 0o755);
    for folder in ["config", "poetry", "systemd"] {
        let mut copy = command("cp");
        copy.arg("-r").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        assert!(copy.arg(machine.path(CLONE)).status().unwrap().success());
    }
    type_in(&page("systemd"), &machine);
}
