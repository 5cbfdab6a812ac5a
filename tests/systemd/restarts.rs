//! Restarts under load: who connects meanwhile waits, and is served whole.

use crate::load::{CLIENTS, Tally, under_load};
use crate::machine::{Machine, application};
use crate::support::network::in_network_of;
use crate::support::{ECSTASY, stdout, until};
use crate::{PORT, UNIT};
use std::net::SocketAddr;

const RESTARTS: usize = 20;
const KILLS: usize = 3;

/// Restarts the unit again and again, each time when clients have been served since the last.
fn restart_under_load(machine: &Machine, port: u16) {
    let restarts = |tally: &Tally| {
        for restart in 0..RESTARTS {
            let served = tally.whole();
            until(&format!("clients before restart {restart}"), || {
                tally.whole() > served + CLIENTS
            });
            machine.systemctl(&["restart", UNIT]);
        }
        let served = tally.whole();
        until("clients after the last restart", || tally.whole() > served + CLIENTS);
    };
    under_load(machine, port, restarts).assert_nothing_lost();
}

/// Port 17, which the daemon could not open itself.
fn socket_unit(machine: &Machine) {
    let unit = "[Socket]\nListenStream=127.0.0.1:17\nFileDescriptorName=fast\n";
    machine.write("/etc/systemd/system/poetryd.socket", unit.as_bytes());
    machine.systemctl(&["daemon-reload"]);
    machine.systemctl(&["start", "poetryd.socket", UNIT]);
}

/// How many clients may wait to be accepted on a port.
fn backlog(machine: &Machine, port: u16) -> String {
    let listening = stdout(&machine.run(&["ss", "-Hltn", &format!("sport = :{port}")]));
    listening.split_whitespace().nth(2).unwrap_or_else(|| panic!("{listening:?}")).to_owned()
}

fn is_open(machine: &Machine, port: u16) -> bool {
    machine.try_fetch(port).status.success()
}

#[test]
#[ignore = "systemd"]
fn a_restart_under_load_loses_nobody() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    restart_under_load(&machine, PORT);
    machine.systemctl(&["stop", UNIT]);
    assert!(!is_open(&machine, PORT), "a stopped unit still listens");
}

#[test]
#[ignore = "systemd"]
fn a_restart_under_load_loses_nobody_where_systemd_has_opened_the_socket() {
    let machine = Machine::boot();
    machine.edit(UNIT, "FileDescriptorStoreMax=0\nUnsetEnvironment=FDSTORE");
    socket_unit(&machine);
    let before = backlog(&machine, 17);
    restart_under_load(&machine, 17);
    assert_eq!(backlog(&machine, 17), before);
    machine.systemctl(&["stop", "poetryd.socket", UNIT]);
    assert!(!is_open(&machine, 17), "a stopped socket unit still listens");
}

#[test]
#[ignore = "systemd"]
fn a_restart_under_load_loses_nobody_with_a_socket_unit_and_the_store() {
    let machine = Machine::boot();
    let two = application("127.0.0.1", PORT).replace("[services.fast]", "[services.plain]");
    let fast = application("127.0.0.1", 17);
    let fast = &fast[fast.find("[services.fast]").unwrap()..];
    machine.write("/etc/poetryd/poetryd.toml", format!("{two}\n{fast}").as_bytes());
    socket_unit(&machine);
    for port in [17, PORT] {
        restart_under_load(&machine, port);
    }
    machine.systemctl(&["stop", "poetryd.socket", UNIT]);
    assert!(!is_open(&machine, 17) && !is_open(&machine, PORT));
}

#[test]
#[ignore = "systemd"]
fn a_daemon_that_is_killed_under_load_loses_only_who_was_being_served() {
    let machine = Machine::boot();
    machine.edit(UNIT, "RestartSec=0");
    machine.systemctl(&["start", UNIT]);
    let tally = under_load(&machine, PORT, |tally| {
        for kill in 0..KILLS {
            let (served, pid) = (tally.whole(), machine.main_pid(UNIT));
            until(&format!("clients before kill {kill}"), || tally.whole() > served + CLIENTS);
            machine.systemctl(&["kill", "--signal=KILL", UNIT]);
            until("the next process", || !["0", &pid].contains(&machine.main_pid(UNIT).as_str()));
        }
        let served = tally.whole();
        until("clients after the last kill", || tally.whole() > served + CLIENTS);
    });
    let reset = tally.reset();
    assert!(tally.lost() == reset && reset <= KILLS * CLIENTS, "{tally:?}");
}

#[test]
#[ignore = "systemd"]
fn the_sockets_of_a_service_that_is_gone_from_the_file_are_closed_at_a_restart() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    machine.write("/etc/poetryd/poetryd.toml", application("127.0.0.1", 10001).as_bytes());
    machine.systemctl(&["restart", UNIT]);
    assert!(is_open(&machine, 10001) && !is_open(&machine, PORT));
    machine.wait_for(UNIT, "closed the stored socket ");
    assert_eq!(machine.property(UNIT, "NFileDescriptorStore"), "1");
}

#[test]
#[ignore = "systemd"]
fn a_unix_socket_keeps_its_name_over_a_restart() {
    let machine = Machine::boot();
    let application = application("127.0.0.1", PORT).replace("kind = \"tcp\"", "kind = \"unix\"");
    let application: Vec<&str> = application
        .lines()
        .filter(|line| !line.starts_with("port") && !line.starts_with("interface"))
        .collect();
    let application = application.join("\n") + "\npath = \"/run/poetryd/fast\"\n";
    machine.write("/etc/poetryd/poetryd.toml", application.as_bytes());
    machine.systemctl(&["start", UNIT]);
    let file =
        |machine: &Machine| stdout(&machine.run(&["stat", "-Lc", "%d %i %F", "/run/poetryd/fast"]));
    let before = file(&machine);
    assert!(before.ends_with("socket\n"), "{before}");
    machine.systemctl(&["restart", UNIT]);
    assert_eq!(file(&machine), before);
    machine.systemctl(&["stop", UNIT]);
    assert!(!machine.path("/run/private/poetryd").exists(), "it outlives a stop");
}

#[test]
#[ignore = "systemd"]
fn a_port_that_is_busy_for_long_is_had_in_the_end() {
    let machine = Machine::boot();
    let address = SocketAddr::from(([127, 0, 0, 1], PORT));
    let holder = in_network_of(machine.init(), || std::net::TcpListener::bind(address).unwrap());
    assert!(!machine.try_systemctl(&["start", UNIT]).status.success());
    // More attempts than systemd makes unless it is told to go on.
    let attempts = || machine.property(UNIT, "NRestarts").parse::<usize>().unwrap();
    until("the seventh attempt", || attempts() >= 7);
    drop(holder);
    until("the start", || machine.property(UNIT, "ActiveState") == "active");
    assert_eq!(machine.fetch(PORT), ECSTASY);
}
