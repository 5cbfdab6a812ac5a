//! The page of the guide that installs the units, typed on a machine of its own.

use crate::machine::Machine;
use crate::support::command;
use crate::typed::type_page;
use std::path::Path;

/// The clone in which the page is typed, and what a build there would leave.
const CLONE: &str = "/root/poetryd";

#[test]
#[ignore = "systemd"]
fn every_command_prints_what_is_shown_in_systemd() {
    let machine = Machine::boot_bare();
    machine.write("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n");
    let program = Path::new(env!("CARGO_BIN_EXE_poetryd"));
    std::fs::create_dir_all(machine.path(&format!("{CLONE}/target/release"))).unwrap();
    machine.install(program, &format!("{CLONE}/target/release/poetryd"), 0o755);
    for folder in ["config", "poetry", "systemd"] {
        let mut copy = command("cp");
        copy.arg("-r").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        assert!(copy.arg(machine.path(CLONE)).status().unwrap().success());
    }
    let compiled = r#"cargo() { [ "$*" = "build --release" ] && [ -x target/release/poetryd ]; }"#;
    type_page("systemd", &machine, &format!("{compiled}; cd {CLONE}"));
}
