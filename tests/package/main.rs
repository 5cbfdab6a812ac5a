//! The Debian package, as `.ci/package` has built it, on machines with a systemd of their own: installed, upgraded,
//! removed, purged; and the page of the guide about it.

mod files;
#[allow(dead_code)] // some of it is for tests/systemd
#[path = "../systemd/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../systemd/machine.rs"]
mod machine;
#[path = "../readme/output.rs"]
mod output;
mod package;
mod page;
#[path = "../readme/pages.rs"]
mod pages;
mod removal;
#[path = "../readme/session.rs"]
mod session;
#[path = "../readme/shell.rs"]
mod shell;
#[path = "../support/mod.rs"]
mod support;
#[path = "../systemd/typed.rs"]
mod typed;
mod upgrade;
mod without_start;

use machine::Machine;
use package::Package;
use std::process::Output;
use support::{ECSTASY, stderr, stdout};

/// The unit of the package, its application file, and the port that it serves.
const UNIT: &str = "poetryd.service";
const FILE: &str = "/etc/poetryd/poetryd.toml";
const PORT: u16 = 10000;

/// Boots an ordinary Debian: services may be started, and localhost has its addresses.
fn boot() -> Machine {
    assert!(support::is_root(), "only root can boot a container");
    let machine = Machine::boot_bare();
    machine.run(&["rm", "--force", "/usr/sbin/policy-rc.d"]); // images for containers have one
    machine.write("/etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n");
    machine
}

/// Installs, or upgrades to, a package. Whatever the daemon does, that succeeds. Returns what was printed.
fn install(machine: &Machine, package: &Package) -> String {
    let file = package.on(machine);
    succeeds(machine.run(&["dpkg", "--install", &file]))
}

fn succeeds(output: Output) -> String {
    let printed = stdout(&output) + &stderr(&output);
    assert!(output.status.success(), "{}\n{printed}", output.status);
    printed
}

/// Boots, and installs the package, which starts the daemon.
fn boot_with_package() -> Machine {
    let machine = boot();
    install(&machine, &Package::built());
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    machine
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn an_installation_by_apt_serves_a_poem() {
    let machine = boot();
    let file = Package::built().on(&machine);
    succeeds(machine.run(&["apt-get", "install", "--quiet", "--yes", &file]));
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    assert_eq!(machine.property(UNIT, "UnitFileState"), "enabled");
    assert_eq!(machine.fetch(PORT), ECSTASY);
    let fetched = machine.run(&["get-poetry", "--quiet", &PORT.to_string()]);
    assert_eq!(fetched.stdout, ECSTASY);
    let status = succeeds(machine.run(&["poetryd", "status"]));
    assert!(status.contains("running"), "{status}");
}
