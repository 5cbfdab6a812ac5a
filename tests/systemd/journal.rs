//! The log in the journal: entries with fields, none of which is lost.

use crate::load::{CLIENTS, under_load};
use crate::machine::Machine;
use crate::support::{LIMIT, stdout, until};
use crate::{PORT, UNIT};
use poetryd::logging::{EarlyLog, Facility, Format, LogOptions, Outside, Rotation, Target};
use poetryd::tracing::{Level, error_span, info};
use serde_json::Value;

const JOURNALD: &str = "systemd-journald.service";
const RESTARTS: usize = 3;

/// What a service of the application says for each client.
const SENDING: &str = "[fast] sending 3003 bytes of poetry to ";

fn message(entry: &Value) -> &str {
    entry["MESSAGE"].as_str().unwrap_or_else(|| panic!("not a text: {entry}"))
}

fn sending(entries: &[Value]) -> usize {
    entries.iter().filter(|entry| message(entry).starts_with(SENDING)).count()
}

#[test]
#[ignore = "systemd"]
fn an_entry_has_the_service_the_peer_and_the_bytes_in_fields() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    machine.fetch(PORT);
    machine.wait_for(UNIT, SENDING);
    let entries = machine.entries("POETRYD_SERVICE=fast");
    let entry = entries.iter().find(|entry| message(entry).starts_with(SENDING)).unwrap();
    let peer = message(entry).strip_prefix(SENDING).unwrap();
    let expected = [
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "poetryd"),
        ("SYSLOG_FACILITY", "3"),
        ("PEER", peer),
        ("BYTES", "3003"),
        ("_TRANSPORT", "journal"),
        ("_SYSTEMD_UNIT", UNIT),
    ];
    for (name, value) in expected {
        assert_eq!(entry[name], value, "{name} in {entry}");
    }
    let shown = stdout(&machine.run(&["journalctl", "POETRYD_SERVICE=fast", "-o", "cat"]));
    assert_eq!(shown, format!("[fast] listening on 127.0.0.1:{PORT}\n{SENDING}{peer}\n"));
    let process = machine.entries("SYSLOG_IDENTIFIER=poetryd");
    let ready = process.iter().find(|entry| message(entry) == "[-] ready").unwrap();
    assert_eq!(ready["POETRYD_SERVICE"], Value::Null);
}

#[test]
#[ignore = "systemd"]
fn restarts_of_journald_under_load_lose_no_line() {
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let tally = under_load(&machine, PORT, |tally| {
        for restart in 0..=RESTARTS {
            let served = tally.whole();
            until(&format!("clients before restart {restart}"), || {
                tally.whole() > served + 10 * CLIENTS
            });
            if restart < RESTARTS {
                machine.systemctl(&["restart", JOURNALD]);
            }
        }
    });
    tally.assert_nothing_lost();
    machine.systemctl(&["stop", UNIT]);
    machine.wait_for(UNIT, "[-] stopped cleanly");
    let entries = machine.entries("SYSLOG_IDENTIFIER=poetryd");
    let said = entries.iter().filter(|entry| message(entry).contains("lines were lost")).count();
    assert_eq!((sending(&entries), said), (tally.whole(), 0));
}

/// A journald that does not read keeps nobody from being served, and nothing is lost if it reads in time.
#[test]
#[ignore = "systemd"]
fn a_journald_that_hangs_for_a_while_gets_every_line() {
    const FETCHES: usize = 3_000;
    let machine = Machine::boot();
    machine.systemctl(&["start", UNIT]);
    let journald = machine.main_pid(JOURNALD);
    let signal = |name: &str| assert!(machine.run(&["kill", name, &journald]).status.success());
    signal("-STOP");
    let tally = under_load(&machine, PORT, |tally| {
        until("clients while journald hangs", || tally.whole() >= FETCHES);
    });
    signal("-CONT");
    tally.assert_nothing_lost();
    machine.systemctl(&["stop", UNIT]);
    machine.wait_for(UNIT, "[-] stopped cleanly");
    assert_eq!(sending(&machine.entries("POETRYD_SERVICE=fast")), tally.whole());
}

/// journald learns from the process itself to which unit an entry belongs.
#[test]
#[ignore = "systemd"]
fn the_last_lines_of_a_process_are_those_of_its_unit_even_if_journald_is_slow() {
    let machine = Machine::boot();
    machine.edit(UNIT, "Restart=no");
    std::fs::remove_file(machine.path("/etc/poetryd/poetry/ecstasy.txt")).unwrap();
    let journald = machine.main_pid(JOURNALD);
    let continue_later = format!("kill -STOP {journald}; (sleep 0.8; kill -CONT {journald}) &");
    machine.run(&["bash", "-c", &format!("{continue_later} systemctl start {UNIT}; wait")]);
    let entries = machine.entries("SYSLOG_IDENTIFIER=poetryd");
    assert!(message(entries.last().unwrap()).contains("can't load the poem"), "{entries:?}");
    let strays: Vec<&Value> =
        entries.iter().filter(|entry| entry["_SYSTEMD_UNIT"] != UNIT).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

/// More than what fits a datagram. The daemon logs nothing like that; so this program does, as a unit.
#[test]
#[ignore = "systemd"]
fn an_entry_of_a_megabyte_arrives() {
    const WRITE: &str = "WRITE_A_MEGABYTE";
    let text = "x".repeat(1 << 20);
    if std::env::var_os(WRITE).is_some() {
        return log(&text);
    }
    let machine = Machine::boot_bare();
    machine.install(&std::env::current_exe().unwrap(), "/usr/bin/writer", 0o755);
    let set = format!("--setenv={WRITE}=1");
    let test =
        ["/usr/bin/writer", "--ignored", "--exact", "journal::an_entry_of_a_megabyte_arrives"];
    let run = [&["systemd-run", "--wait", "--unit=writer", &set], &test[..]].concat();
    assert!(machine.run(&run).status.success());
    let entries = machine.entries("POETRYD_SERVICE=large");
    let [entry] = &entries[..] else { panic!("{} entries", entries.len()) };
    let expected = format!("[large] {text} after=1");
    assert!(message(entry) == expected, "{} bytes", message(entry).len());
    assert_eq!(entry["AFTER"], "1");
}

/// Writes one entry to the log.
fn log(text: &str) {
    let options = LogOptions {
        name: "writer".into(),
        facility: Facility::Daemon,
        target: Target::Stdout,
        level: Level::INFO,
        format: Format::Text,
        mode: None,
        rotation: Rotation::default(),
    };
    let early = EarlyLog::begin(Vec::new()).unwrap();
    let logging = early.open(&options, Outside::reach(&options).unwrap(), None).unwrap();
    error_span!("service", path = "large").in_scope(|| info!(after = 1, "{text}"));
    logging.finish(LIMIT).unwrap();
}
