//! Reloads, as systemd sees them. (`Type=notify-reload` needs systemd 253.)

use crate::machine::{Machine, application};
use crate::support::{ECSTASY, until};
use crate::{PORT, UNIT};

/// Where the application file is.
const FILE: &str = "/etc/poetryd/poetryd.toml";

/// Starts the unit, and returns its process.
fn start(machine: &Machine) -> String {
    machine.systemctl(&["start", UNIT]);
    machine.main_pid(UNIT)
}

/// Waits for the end of a reload: systemd has the verdict.
fn wait_for_verdict(machine: &Machine, verdict: &str) {
    until(verdict, || machine.property(UNIT, "StatusText").contains(verdict));
    until("active", || machine.property(UNIT, "ActiveState") == "active");
}

#[test]
#[ignore = "systemd"]
fn the_status_has_the_verdict_and_the_unit_is_active_again() {
    let machine = Machine::boot();
    let pid = start(&machine);
    machine.write(FILE, b"nonsense");
    machine.systemctl(&["kill", "--signal=HUP", UNIT]);
    wait_for_verdict(&machine, "serving; the last reload failed: /etc/poetryd/poetryd.toml:1:");
    assert_eq!(machine.fetch(PORT), ECSTASY);
    machine.write(FILE, application("127.0.0.1", PORT + 1).as_bytes());
    machine.systemctl(&["kill", "--signal=HUP", UNIT]);
    wait_for_verdict(&machine, "serving; reloaded: 1 kept, 0 updated, 1 replaced");
    assert_eq!(machine.fetch(PORT + 1), ECSTASY);
    assert_eq!(machine.main_pid(UNIT), pid);
}

#[test]
#[ignore = "systemd"]
fn a_reload_by_systemctl_ends_whatever_the_verdict() {
    let machine = Machine::boot();
    machine.edit(UNIT, "ExecReload=\nExecReload=/bin/kill -HUP $MAINPID");
    let pid = start(&machine);
    let same = application("127.0.0.1", PORT);
    let texts = [("nonsense", "the last reload failed"), (&same, "reloaded: 2 kept, 0 updated")];
    for (text, verdict) in texts {
        machine.write(FILE, text.as_bytes());
        machine.systemctl(&["reload", UNIT]);
        wait_for_verdict(&machine, verdict);
    }
    assert_eq!(machine.main_pid(UNIT), pid);
    machine.systemctl(&["stop", UNIT]);
    assert_eq!(machine.property(UNIT, "Result"), "success");
}
