//! The control socket of the units, and `systemctl reload`, which uses it.

use crate::machine::{Machine, application};
use crate::support::{ECSTASY, stderr, stdout};
use crate::{PORT, UNIT};
use std::os::unix::fs::PermissionsExt;

#[test]
#[ignore = "systemd"]
fn systemctl_reload_waits_for_the_verdict_and_fails_with_it() {
    let machine = Machine::boot();
    for (unit, name) in [(UNIT, "poetryd"), ("poetryd@night.service", "night")] {
        let file = format!("/etc/poetryd/{name}.toml");
        machine.write(&file, application("127.0.0.1", PORT).as_bytes());
        machine.systemctl(&["start", unit]);
        let pid = machine.main_pid(unit);
        machine.write(&file, application("127.0.0.1", PORT + 1).as_bytes());
        machine.systemctl(&["reload", unit]);
        assert_eq!(machine.fetch(PORT + 1), ECSTASY); // at once
        machine.write(&file, b"nonsense");
        let failed = machine.run(&["systemctl", "reload", unit]);
        assert!(!failed.status.success(), "{}", stderr(&failed));
        machine.wait_for(unit, &format!("{name}.toml:1:"));
        assert_eq!(machine.property(unit, "ActiveState"), "active");
        assert_eq!(machine.main_pid(unit), pid);
        assert_eq!(machine.fetch(PORT + 1), ECSTASY);
        machine.systemctl(&["stop", unit]);
        assert_eq!(machine.property(unit, "Result"), "success");
    }
}

#[test]
#[ignore = "systemd"]
fn root_finds_the_daemon_of_the_unit_and_the_socket_is_gone_with_it() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let socket = machine.path("/run/private/poetryd/control.sock");
    assert_eq!(socket.symlink_metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let status = machine.run(&["sh", "-c", "cd / && poetryd status"]);
    assert_eq!(status.status.code(), Some(0), "{}", stderr(&status));
    let start = format!("is running with pid {} since", machine.main_pid(UNIT));
    assert!(stdout(&status).contains(&start), "{}", stdout(&status));
    // A stop has to name it.
    let stop = machine.run(&["sh", "-c", "cd / && poetryd stop"]);
    assert_eq!(stop.status.code(), Some(3), "{}", stderr(&stop));
    let advice = "the daemon of the unit poetryd is reached by systemctl, or with --control /run/poetryd/control.sock\n";
    assert!(stderr(&stop).ends_with(advice), "{}", stderr(&stop));
    let control = "--control=/run/poetryd/control.sock";
    let restart = machine.run(&["sh", "-c", &format!("poetryd {control} service restart fast")]);
    assert_eq!(restart.status.code(), Some(0), "{}", stderr(&restart));
    assert_eq!(machine.fetch(PORT), ECSTASY);
    machine.systemctl(&["stop", UNIT]);
    assert!(!socket.exists());
}

#[test]
#[ignore = "systemd"]
fn root_finds_the_daemon_of_a_unit_by_its_application_file() {
    let machine = Machine::boot();
    let unit = "poetryd@night.service";
    let (file, port) = ("/etc/poetryd/night.toml", PORT + 1);
    machine.write(file, application("127.0.0.1", port).as_bytes());
    machine.systemctl(&["start", UNIT, unit]);
    for (name, unit) in [("poetryd", UNIT), ("night", unit)] {
        let start = format!("is running with pid {} since", machine.main_pid(unit));
        for command in
            ["cd / && poetryd status /etc/poetryd/", "cd /etc/poetryd && poetryd status "]
        {
            let status = machine.run(&["sh", "-c", &format!("{command}{name}.toml")]);
            assert!(stdout(&status).contains(&start), "{}{}", stdout(&status), stderr(&status));
        }
    }
    let reload = machine.run(&["poetryd", "reload", file]);
    let advice = "the daemon of the unit poetryd@night is reached by systemctl, or with --control /run/poetryd-night/control.sock\n";
    assert!(stderr(&reload).ends_with(advice), "{}", stderr(&reload));
    let status = machine.run(&["poetryd", "status", "night"]);
    let said = "poetryd: \"night\" is neither a plugin nor an application file; did you mean \"/etc/poetryd/night.toml\"?\n";
    assert_eq!(stderr(&status), said);
}
