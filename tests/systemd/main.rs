//! The units under a real systemd, which is booted in a container for each test; and the page of the guide about them.

mod control;
mod journal;
mod load;
mod machine;
#[path = "../readme/output.rs"]
mod output;
mod page;
#[path = "../readme/pages.rs"]
mod pages;
mod reloads;
mod restarts;
#[path = "../readme/session.rs"]
mod session;
#[path = "../readme/shell.rs"]
mod shell;
#[path = "../support/mod.rs"]
mod support;
mod typed;

use machine::{Machine, application};
use support::{ECSTASY, stderr, stdout, until};

/// The unit of most tests, and the port that it serves.
const UNIT: &str = "poetryd.service";
const PORT: u16 = 10000;

/// `systemd-analyze security` gives nginx's unit 9.6.
const MOST_EXPOSED: f64 = 1.1;

#[test]
#[ignore = "systemd"]
fn an_active_unit_serves_at_once() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    assert_eq!(machine.fetch(PORT), ECSTASY);
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
}

#[test]
#[ignore = "systemd"]
fn a_unit_is_not_active_before_every_service_has_started() {
    let machine = Machine::boot();
    // A poem of nothing but holes, which takes a while to load.
    let poem = std::fs::File::create(machine.path("/etc/poetryd/poetry/ecstasy.txt")).unwrap();
    poem.set_len(400_000_000).unwrap();
    machine.systemctl(&["start", UNIT]);
    // Said together with "ready".
    assert_eq!(machine.property(UNIT, "StatusText"), "serving");
}

#[test]
#[ignore = "systemd"]
fn a_restart_serves_again_on_the_same_port() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let first = machine.main_pid(UNIT);
    machine.fetch(PORT); // leaves a closed connection on the port, in TIME_WAIT
    machine.systemctl(&["restart", UNIT]);
    assert_eq!(machine.fetch(PORT), ECSTASY);
    assert_ne!(machine.main_pid(UNIT), first);
    assert_eq!(machine.property(UNIT, "NRestarts"), "0", "it needed more than one attempt");
}

#[test]
#[ignore = "systemd"]
fn the_journal_has_priorities_and_no_second_timestamp() {
    let machine = Machine::boot();
    // A name with an address that this machine lacks is worth a warning.
    machine.write("/etc/hosts", b"127.0.0.1 localhost\n192.0.2.1 localhost\n");
    machine.write("/etc/poetryd/poetryd.toml", application("localhost", PORT).as_bytes());
    machine.systemctl(&["start", UNIT]);
    let loaded = machine.wait_for(UNIT, "loaded a poem");
    assert_eq!(loaded.message, "[ecstasy] loaded a poem from poetry/ecstasy.txt (3003 bytes)");
    assert_eq!(loaded.priority, "6");
    let warning = machine.wait_for(UNIT, "not listening on 192.0.2.1");
    assert!(warning.message.starts_with("[fast] "), "{warning:?}");
    assert_eq!(warning.priority, "4");
}

#[test]
#[ignore = "systemd"]
fn a_stop_succeeds_and_leaves_nothing() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let pid = machine.main_pid(UNIT);
    let uid = fact(&machine.status_of(&pid), "Uid:")[0].clone();
    machine.systemctl(&["stop", UNIT]);
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    assert_eq!(machine.property(UNIT, "Result"), "success");
    assert_eq!(machine.property(UNIT, "ExecMainStatus"), "0");
    assert!(!machine.path("/proc").join(pid).exists(), "the process is still there");
    assert!(!machine.try_fetch(PORT).status.success(), "the port is still open");
    let files = machine.run(&["find", "/etc", "/run", "/tmp", "/var", "-uid", &uid]);
    assert_eq!(stdout(&files), "", "files of the daemon's are left");
    machine.wait_for(UNIT, "[-] stopped cleanly");
}

#[test]
#[ignore = "systemd"]
fn systemctl_status_says_what_the_daemon_does() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let status = machine.systemctl(&["status", UNIT]);
    assert!(status.contains("Status: \"serving\""), "{status}");
}

#[test]
#[ignore = "systemd"]
fn a_missing_poem_fails_the_unit_and_says_so_in_the_journal() {
    let machine = Machine::boot();
    machine.edit(UNIT, "Restart=no");
    std::fs::remove_file(machine.path("/etc/poetryd/poetry/ecstasy.txt")).unwrap();
    let start = machine.try_systemctl(&["start", UNIT]);
    assert!(!start.status.success(), "systemctl start claims that all is well");
    assert_eq!(machine.property(UNIT, "ActiveState"), "failed");
    let error = machine.wait_for(UNIT, "can't load the poem /etc/poetryd/poetry/ecstasy.txt");
    assert_eq!(error.priority, "3", "{error:?}");
}

#[test]
#[ignore = "systemd"]
fn a_wrong_configuration_is_tried_once() {
    let machine = Machine::boot();
    machine.write("/etc/poetryd/poetryd.toml", b"[services.fast]\nkind = \"smtp\"\n");
    assert!(!machine.try_systemctl(&["start", UNIT]).status.success());
    assert_eq!(machine.property(UNIT, "ActiveState"), "failed");
    assert_eq!(machine.property(UNIT, "NRestarts"), "0");
    let mistake = machine.wait_for(UNIT, "/etc/poetryd/poetryd.toml:2:");
    assert_eq!(mistake.priority, "3", "{mistake:?}");
}

#[test]
#[ignore = "systemd"]
fn the_template_runs_one_instance_per_file() {
    let machine = Machine::boot();
    machine.write("/etc/poetryd/poetry/other.txt", b"another poem\n");
    machine.write("/etc/poetryd/day.toml", application("127.0.0.1", 10001).as_bytes());
    let night = application("127.0.0.1", 10002).replace("ecstasy.txt", "other.txt");
    machine.write("/etc/poetryd/night.toml", night.as_bytes());
    machine.systemctl(&["start", "poetryd@day", "poetryd@night"]);
    assert_eq!(machine.fetch(10001), ECSTASY);
    assert_eq!(machine.fetch(10002), b"another poem\n");
    machine.systemctl(&["stop", "poetryd@day"]);
    assert!(!machine.try_fetch(10001).status.success());
    assert_eq!(machine.fetch(10002), b"another poem\n", "the other instance went too");
}

#[test]
#[ignore = "systemd"]
fn the_units_are_correct_and_hardly_exposed() {
    let machine = Machine::boot();
    for unit in ["poetryd.service", "poetryd@.service"] {
        let file = format!("/etc/systemd/system/{unit}");
        let verify = machine.run(&["systemd-analyze", "verify", &file]);
        assert!(verify.status.success(), "{unit}: {}", verify.status);
        assert_eq!((stdout(&verify), stderr(&verify)), Default::default(), "{unit}");

        let security = ["systemd-analyze", "--no-pager", "security", "--offline=true", &file];
        let security = stdout(&machine.run(&security));
        let exposure = security.split("exposure level for").nth(1).unwrap_or_else(|| {
            panic!("{unit}: no exposure in {security}");
        });
        let exposure = exposure.split_whitespace().find_map(|word| word.parse::<f64>().ok());
        assert!(exposure.is_some_and(|e| e <= MOST_EXPOSED), "{unit}:\n{security}");
    }
}

/// The values of one line of /proc/PID/status.
fn fact(status: &str, name: &str) -> Vec<String> {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

#[test]
#[ignore = "systemd"]
fn the_daemon_is_an_unprivileged_user_without_capabilities() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let status = machine.status_of(&machine.main_pid(UNIT));
    let ids = [fact(&status, "Uid:"), fact(&status, "Gid:")].concat();
    assert!(ids.iter().all(|id| *id == ids[0] && *id != "0"), "{ids:?}");
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(fact(&status, capabilities), ["0000000000000000"], "{capabilities}");
    }
    assert_eq!(fact(&status, "NoNewPrivs:"), ["1"]);
    assert_eq!(fact(&status, "Seccomp:"), ["2"], "system calls are not filtered");
}

#[test]
#[ignore = "systemd"]
fn a_low_port_is_had_as_the_unit_says() {
    let machine = Machine::boot();
    machine.write("/etc/poetryd/poetryd.toml", application("127.0.0.1", 17).as_bytes());
    let unit = include_str!("../../systemd/poetryd.service");
    let advice = unit.split("#   [Service]\n").nth(1).unwrap().lines();
    let advice: Vec<&str> = advice.map_while(|line| line.strip_prefix("#   ")).collect();
    machine.edit(UNIT, &advice.join("\n"));
    machine.systemctl(&["start", UNIT]);
    assert_eq!(machine.fetch(17), ECSTASY);
}

/// Lets systemd listen on port 17, and on `more`, for the daemon.
fn socket_unit(machine: &Machine, more: &str) {
    let unit = format!("[Socket]\nListenStream=127.0.0.1:17\n{more}\n");
    machine.write("/etc/systemd/system/poetryd.socket", unit.as_bytes());
    machine.systemctl(&["daemon-reload"]);
}

#[test]
#[ignore = "systemd"]
fn a_socket_of_systemd_is_taken_by_name() {
    let machine = Machine::boot();
    socket_unit(&machine, "FileDescriptorName=fast");
    machine.systemctl(&["start", "poetryd.socket"]);
    assert_eq!(machine.main_pid(UNIT), "0", "started before anybody connected");
    assert_eq!(machine.fetch(17), ECSTASY);
    assert!(!machine.try_fetch(PORT).status.success(), "it listens for itself as well");
}

#[test]
#[ignore = "systemd"]
fn a_socket_of_systemd_is_taken_by_address() {
    let machine = Machine::boot();
    machine.write("/etc/poetryd/poetryd.toml", application("127.0.0.1", 17).as_bytes());
    socket_unit(&machine, "");
    machine.systemctl(&["start", "poetryd.socket"]);
    assert_eq!(machine.fetch(17), ECSTASY); // it could not have opened this port itself
}

#[test]
#[ignore = "systemd"]
fn a_socket_that_nobody_wants_is_closed_with_a_warning() {
    let machine = Machine::boot();
    socket_unit(&machine, "Service=poetryd.service");
    machine.systemctl(&["start", "poetryd.socket", UNIT]);
    let warning = machine.wait_for(UNIT, "closed the inherited socket ");
    assert_eq!(warning.priority, "4", "{warning:?}");
    assert_eq!(machine.fetch(PORT), ECSTASY);
}

#[test]
#[ignore = "systemd"]
fn a_daemon_that_hangs_is_started_anew_by_the_watchdog() {
    let machine = Machine::boot();
    machine.edit(UNIT, "WatchdogSec=2");
    machine.systemctl(&["start", UNIT]);
    let pid = machine.main_pid(UNIT);
    let heard = || machine.property(UNIT, "WatchdogTimestampMonotonic");
    let ready = heard();
    until("a sign of life", || heard() != ready);
    assert_eq!(machine.main_pid(UNIT), pid, "restarted, though it lived");
    machine.systemctl(&["kill", "--signal=STOP", UNIT]);
    until("another process", || !["0", &pid].contains(&machine.main_pid(UNIT).as_str()));
    until("the restart", || machine.property(UNIT, "ActiveState") == "active");
    assert_eq!(machine.fetch(PORT), ECSTASY);
}
