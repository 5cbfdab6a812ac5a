//! Installations where nothing can be started, or nothing may be: they succeed all the same.

use crate::package::Package;
use crate::support::network::in_network_of;
use crate::support::until;
use crate::{ECSTASY, FILE, PORT, UNIT, boot, install, succeeds};
use std::net::{SocketAddr, TcpListener};

#[test]
#[ignore = "systemd, and .ci/package"]
fn without_systemd_nothing_is_started_and_nothing_fails() {
    let machine = boot();
    let file = Package::built().on(&machine);
    let in_chroot = |command: &str| {
        let command = format!("mount -t tmpfs none /run && {command}");
        succeeds(machine.run(&["unshare", "--mount", "sh", "-c", &command]))
    };
    let printed = in_chroot(&format!("dpkg --install {file}"));
    assert!(!printed.contains("poetryd: "), "{printed}");
    machine.systemctl(&["daemon-reload"]);
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert_eq!(machine.property(UNIT, "UnitFileState"), "enabled"); // for the next boot
    let upgrade = Package::of_version("0.2.0-2").on(&machine);
    in_chroot(&format!(
        "dpkg --install {upgrade} && dpkg --remove poetryd && dpkg --purge poetryd"
    ));
    assert!(!machine.path("/etc/poetryd").exists());
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_policy_against_starts_is_respected() {
    let machine = boot();
    let policy = "/usr/sbin/policy-rc.d";
    machine.write(policy, b"#!/bin/sh\nexit 101\n");
    machine.run(&["chmod", "755", policy]);
    install(&machine, &Package::built());
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert_eq!(machine.property(UNIT, "UnitFileState"), "enabled");
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_port_that_is_in_use_does_not_fail_the_installation() {
    let machine = boot();
    let address = SocketAddr::from(([127, 0, 0, 1], PORT));
    let holder = in_network_of(machine.init(), || TcpListener::bind(address).unwrap());
    let printed = install(&machine, &Package::built());
    let said = "poetryd: poetryd.service could not be started";
    assert!(printed.contains(said), "{printed}");
    drop(holder);
    until("the start", || machine.property(UNIT, "ActiveState") == "active");
    assert_eq!(machine.fetch(PORT), ECSTASY);
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn a_wrong_file_that_was_there_before_is_named_and_not_started() {
    let machine = boot();
    machine.write(FILE, b"nonsense");
    let file = Package::built().on(&machine);
    let printed = succeeds(machine.run(&["dpkg", "--force-confold", "--install", &file]));
    let said = "poetryd: poetryd.service has not been started, since there is something wrong with";
    assert!(printed.contains(said), "{printed}");
    assert!(printed.contains(&format!("    {FILE}:1:")), "{printed}");
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert_eq!(std::fs::read(machine.path(FILE)).unwrap(), b"nonsense");
}
