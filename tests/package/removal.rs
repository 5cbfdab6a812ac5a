//! A removal ends the daemon, and a purge leaves nothing.

use crate::machine::Machine;
use crate::package::Package;
use crate::support::{ECSTASY, stdout};
use crate::{FILE, PORT, UNIT, boot, install, succeeds};
use std::collections::BTreeSet;

/// Where the package has files, and where systemd and dpkg keep what they know of it.
const PLACES: [&str; 6] = ["/etc", "/opt", "/run", "/srv", "/usr", "/var"];

/// What changes by itself, or is kept by dpkg and others of every package that there was.
const OTHERS: [&str; 6] =
    ["/run/private", "/run/systemd", "/var/cache", "/var/lib/dpkg", "/var/log/journal", "/run/log"];

/// All files of the machine, but those of others.
fn files(machine: &Machine) -> BTreeSet<String> {
    // Its status says whether a file has vanished meanwhile, as those of others may.
    let all = stdout(&machine.run(&[&["find"], &PLACES[..]].concat()));
    let is_others = |name: &str| OTHERS.iter().any(|other| name.starts_with(other));
    let files: BTreeSet<_> =
        all.lines().filter(|name| !is_others(name)).map(str::to_owned).collect();
    assert!(files.contains("/etc/passwd"), "{files:?}");
    files
}

/// What dpkg and systemd have, after all, in the places of others.
fn traces(machine: &Machine) -> String {
    stdout(&machine.run(&[&["find"], &OTHERS[..], &["-name", "*poetryd*"]].concat()))
}

fn is_open(machine: &Machine, port: u16) -> bool {
    machine.try_fetch(port).status.success()
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_removal_ends_the_daemon_and_a_purge_leaves_nothing() {
    let machine = boot();
    machine.systemctl(&["stop", "*.timer"]); // what they start writes files, too
    let before = files(&machine);
    install(&machine, &Package::built());
    let own = "/etc/poetryd/night.toml";
    let file = std::fs::read_to_string(machine.path(FILE)).unwrap();
    machine.write(own, file.replace("10000", "10009").as_bytes());
    machine.systemctl(&["--quiet", "enable", "--now", "poetryd@night"]);
    machine.edit(UNIT, "LogsDirectory=poetryd");
    machine.systemctl(&["restart", UNIT]);
    machine.run(&["rm", "--recursive", "/etc/systemd/system/poetryd.service.d"]);
    assert!(is_open(&machine, PORT) && is_open(&machine, 10009));

    succeeds(machine.run(&["dpkg", "--remove", "poetryd"]));
    assert!(!is_open(&machine, PORT) && !is_open(&machine, 10009), "it is still listening");
    for unit in [UNIT, "poetryd@night.service"] {
        assert_eq!(machine.property(unit, "ActiveState"), "inactive", "{unit}");
        assert_eq!(machine.property(unit, "LoadState"), "not-found", "{unit}");
    }
    assert!(machine.path(FILE).exists(), "the application file is gone before the purge");

    let printed = succeeds(machine.run(&["dpkg", "--purge", "poetryd"]));
    assert!(printed.contains("directory '/etc/poetryd' not empty"), "{printed}");
    succeeds(machine.run(&["rm", "--recursive", own]));
    succeeds(machine.run(&["rmdir", "/etc/poetryd"]));
    let after = files(&machine);
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(traces(&machine), "");
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_second_installation_serves_as_before_the_removal() {
    let machine = boot();
    let package = Package::built();
    install(&machine, &package);
    let file = std::fs::read_to_string(machine.path(FILE)).unwrap().replace("10000", "10009");
    machine.write(FILE, file.as_bytes());
    succeeds(machine.run(&["dpkg", "--remove", "poetryd"]));
    install(&machine, &package);
    assert_eq!(machine.fetch(10009), ECSTASY);
}
