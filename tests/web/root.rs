//! What needs root, or promtool.

use crate::http::{ask, get, metrics_as, place, request};
use crate::metrics::values;
use crate::program::{STATUS, program};
use crate::start;
use crate::support::network::{in_network_of, in_own_network};
use crate::support::{
    Background, Foreground, Sandbox, address_in, command, fast_toml, fetch, run, status_of, stderr,
    through,
};
use crate::text::{one, open_metrics};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

/// What `promtool check metrics` says about a text.
fn promtool(text: &str) -> (bool, String) {
    let mut promtool = command("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool is installed");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

pub fn promtool_has_nothing_to_say() {
    let sandbox = Sandbox::new();
    let services = "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\n\
         [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n\n\
         [services.quote]\nkind = \"quote\"\ninterface = \"127.0.0.1\"\nport = 0\npoem = \"ecstasy\"\n\n\
         [services.unix]\nkind = \"unix\"\npath = \"unix.sock\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n\n\
         [services.night]\nkind = \"group\"\n\n\
         [services.night.services.odd]\nkind = \"odd\"\n\n\
         [services.fails]\nkind = \"failing\"\n";
    let daemon = Foreground::start(program(&sandbox, services)).ready();
    let address = place(&daemon);
    fetch(daemon.address("fast")).unwrap();
    let text = get(address, "/metrics").ok();
    // The odd names are those of a program which does not follow the rules of Prometheus.
    let is_odd = |line: &&str| !line.contains("poetryd____");
    let said = promtool(&(text.lines().filter(is_odd).collect::<Vec<_>>().join("\n") + "\n"));
    let problems: Vec<&str> =
        said.1.lines().filter(|line| !line.contains("poetryd_ no") && !line.is_empty()).collect();
    assert_eq!(problems, [""; 0], "{said:?}");
    open_metrics(&metrics_as(address, "application/openmetrics-text"));
    daemon.stop();
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    assert_eq!(promtool(&get(address, "/metrics").ok()), (true, String::new()));
    daemon.stop();
}

fn background(sandbox: &Sandbox, command: std::process::Command, pid_file: &str) -> Background {
    let output = run(command);
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
    Background::of(&sandbox.path(pid_file))
}

pub fn on_a_privileged_port_it_serves_without_privileges() {
    let sandbox = Sandbox::new();
    let status = STATUS.replace("port = 0", "port = 81\ninterface = \"127.0.0.1\"");
    sandbox.write("fast.toml", &(fast_toml("") + &status));
    let command = in_own_network(&sandbox.poetryd(&["--uid", "nobody", "fast.toml"]));
    let daemon = background(&sandbox, command, "poetryd.pid");
    assert_eq!(status_of(daemon.pid, "CapEff"), "0000000000000000");
    let address: SocketAddr = ([127, 0, 0, 1], 81).into();
    let values = in_network_of(daemon.pid, || values(address));
    assert_eq!(one(&values, "poetryd_ready", &[]), 1.0);
    assert!(one(&values, "process_resident_memory_bytes", &[]) > 1e6);
    assert!(one(&values, "process_open_fds", &[]) > 5.0);
}

pub fn in_a_chroot_the_metrics_are_valid() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("jail/poetry")).unwrap();
    sandbox.write("jail/poetry/ecstasy.txt", "Inside the walls\n");
    let status = STATUS.replace("port = 0", "port = 0\ninterface = \"127.0.0.1\"");
    sandbox.write("fast.toml", &(fast_toml("") + &status));
    let command = sandbox.poetryd(&["--chroot", "jail", "--uid", "nobody", "fast.toml"]);
    let _daemon = background(&sandbox, command, "jail/poetryd.pid");
    let address = address_in(&sandbox.read("jail/poetryd.log"), "status");
    let values = values(address);
    assert_eq!(one(&values, "poetryd_ready", &[]), 1.0);
    assert!(one(&values, "process_cpu_seconds_total", &[]) >= 0.0);
    assert!(!values.contains_key("process_resident_memory_bytes"));
    assert!(!values.contains_key("process_open_fds"));
    open_metrics(&metrics_as(address, "application/openmetrics-text"));
    assert_eq!(get(address, "/").status, 200);
}

pub fn clients_from_elsewhere_see_no_warnings() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "fast.toml",
        &(fast_toml("") + &STATUS.replace("port = 0", "port = 9100\ninterface = \"*\"")),
    );
    let script = "ip link set lo up && ip addr add 192.0.2.1/32 dev lo && exec \"$0\" \"$@\"";
    let outer = ["unshare", "--net", "sh", "-c", script];
    let command = through(&outer, &sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    let daemon = Foreground::start(command).ready();
    let answers = in_network_of(daemon.pid(), || {
        // A connection to this address comes from this address.
        let elsewhere: SocketAddr = ([192, 0, 2, 1], 9100).into();
        let here: SocketAddr = ([127, 0, 0, 1], 9100).into();
        [
            ask(elsewhere, &request("/status.json", "localhost", "")).ok(),
            ask(elsewhere, &request("/status.json", "192.0.2.1:9100", "")).ok(),
            ask(here, &request("/status.json", "localhost", "")).ok(),
        ]
    });
    assert_eq!(answers.map(|answer| answer.contains("\"warnings\"")), [false, false, true]);
    daemon.stop();
}
