//! Upgrades, of which clients do not notice anything.

use crate::load::{CLIENTS, Tally, under_load};
use crate::machine::{Machine, application};
use crate::package::Package;
use crate::support::{ECSTASY, until};
use crate::{FILE, PORT, UNIT, boot_with_package, install};
use std::fs;

const UPGRADES: usize = 3;

/// A unit of the template, and the port that it serves.
const INSTANCE: &str = "poetryd@night.service";
const INSTANCE_PORT: u16 = 10009;

/// An application file of the administrator's, whose poem is in the package.
fn own_file(port: u16) -> String {
    application("localhost", port)
        .replace("poetry/ecstasy.txt", "/usr/share/poetryd/poetry/ecstasy.txt")
}

/// Starts a unit of the template that serves the file of its own.
fn start_instance(machine: &Machine) {
    machine.write("/etc/poetryd/night.toml", own_file(INSTANCE_PORT).as_bytes());
    machine.systemctl(&["start", INSTANCE]);
}

/// Whether a unit runs the program that is installed, not one that an upgrade has replaced.
fn runs_what_is_installed(machine: &Machine, unit: &str) -> bool {
    let pid = machine.main_pid(unit);
    let inode = |file: &str| machine.run(&["stat", "--dereference", "--format=%d %i", file]).stdout;
    let program = inode(&format!("/proc/{pid}/exe"));
    !program.is_empty() && program == inode("/usr/bin/poetryd")
}

fn wait_for_clients(tally: &Tally, when: &str) {
    let served = tally.whole();
    until(&format!("clients {when}"), || tally.whole() > served + CLIENTS);
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn an_upgrade_under_load_loses_nobody_and_keeps_the_file() {
    let machine = boot_with_package();
    let file = format!("# Mine.\n{}", own_file(PORT));
    machine.write(FILE, file.as_bytes());
    machine.systemctl(&["reload", UNIT]);
    start_instance(&machine);
    let upgrades: Vec<_> =
        (2..2 + UPGRADES).map(|n| Package::of_version(&format!("0.2.0-{n}"))).collect();
    let tally = under_load(&machine, PORT, |tally| {
        for (upgrade, package) in upgrades.iter().enumerate() {
            wait_for_clients(tally, &format!("before upgrade {upgrade}"));
            let before = [UNIT, INSTANCE].map(|unit| machine.main_pid(unit));
            let printed = install(&machine, package);
            for (unit, before) in [UNIT, INSTANCE].iter().zip(before) {
                assert_eq!(machine.property(unit, "ActiveState"), "active", "{unit}\n{printed}");
                assert_ne!(machine.main_pid(unit), before, "{unit}\n{printed}");
                assert!(runs_what_is_installed(&machine, unit), "{unit}\n{printed}");
            }
        }
        wait_for_clients(tally, "after the last upgrade");
    });
    tally.assert_nothing_lost();
    assert_eq!(fs::read_to_string(machine.path(FILE)).unwrap(), file);
    assert_eq!(machine.fetch(INSTANCE_PORT), ECSTASY);
}

/// Upgrades under load, though the new program can't use the application file. The message has to contain `mistake`.
fn upgrade_that_cannot_start(machine: &Machine, version: &str, mistake: &str) {
    let (before, instance) = (machine.main_pid(UNIT), machine.main_pid(INSTANCE));
    let package = Package::of_version(version);
    let tally = under_load(machine, PORT, |tally| {
        wait_for_clients(tally, "before the upgrade");
        let printed = install(machine, &package);
        for said in [
            "poetryd.service has not been restarted, and goes on with the old version",
            mistake,
            "correct that, and run: systemctl restart poetryd.service",
        ] {
            assert!(printed.contains(said), "{printed}");
        }
        wait_for_clients(tally, "after the upgrade");
    });
    tally.assert_nothing_lost();
    assert_eq!(machine.main_pid(UNIT), before);
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    assert_ne!(machine.main_pid(INSTANCE), instance, "one wrong file kept another unit back");
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_wrong_file_at_an_upgrade_leaves_the_old_daemon_serving() {
    let machine = boot_with_package();
    start_instance(&machine);
    let right = fs::read_to_string(machine.path(FILE)).unwrap();
    machine.write(FILE, right.replace("\"ecstasy\"", "\"ectsasy\"").as_bytes());
    let line = 1 + right.lines().position(|line| line.starts_with("poem = ")).unwrap();
    let mistake = format!("    {FILE}:{line}:8: poem: there is no poem named \"ectsasy\" here");
    upgrade_that_cannot_start(&machine, "0.2.0-2", &mistake);

    // Root could read this poem, but not the user that the unit has.
    machine.write("/etc/poetryd/secret.txt", ECSTASY);
    machine.run(&["chmod", "600", "/etc/poetryd/secret.txt"]);
    machine.write(FILE, right.replace("/usr/share/poetryd/poetry/ecstasy", "secret").as_bytes());
    upgrade_that_cannot_start(&machine, "0.2.0-3", "Permission denied");

    assert!(!runs_what_is_installed(&machine, UNIT));
    machine.write(FILE, right.as_bytes());
    machine.systemctl(&["restart", UNIT]);
    assert!(runs_what_is_installed(&machine, UNIT));
    assert_eq!(machine.fetch(PORT), ECSTASY);
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn an_upgrade_does_not_start_what_is_disabled() {
    let machine = boot_with_package();
    machine.systemctl(&["--quiet", "disable", "--now", UNIT]);
    install(&machine, &Package::of_version("0.2.0-2"));
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert_eq!(machine.property(UNIT, "UnitFileState"), "disabled");
}
