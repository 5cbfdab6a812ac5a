//! What is counted.

use crate::http::{get, metrics_as, place};
use crate::known::METRICS;
use crate::program::program;
use crate::start;
use crate::support::{ECSTASY, Foreground, Sandbox, connect, fetch, until};
use crate::text::{Values, one, open_metrics, prometheus};
use socket2::SockRef;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

pub fn values(address: SocketAddr) -> Values {
    prometheus(&get(address, "/metrics").ok())
}

pub fn they_count_exactly_what_clients_did() {
    const POEMS: usize = 37;
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let (status, fast) = (place(&daemon), daemon.address("fast"));
    (0..POEMS).for_each(|_| assert_eq!(fetch(fast).unwrap(), ECSTASY));
    let labels = ["service=\"fast\"", &format!("address=\"{fast}\"")];
    let count = |name: &str| one(&values(status), &format!("poetryd_{name}"), &labels);
    until("the last one", || count("connections_completed_total") == POEMS as f64);
    assert_eq!(count("connections_opened_total"), POEMS as f64);
    assert_eq!(count("connections_open"), 0.0);
    assert_eq!(count("sent_bytes_total"), (POEMS * ECSTASY.len()) as f64);
    let before = values(status);
    let after = values(status);
    let of_services = |values: &Values| -> Vec<(String, f64)> {
        let own = values.iter().filter(|(name, _)| name.contains("service="));
        own.map(|(name, value)| (name.clone(), *value)).collect()
    };
    assert_eq!(of_services(&before), of_services(&after), "to look changes nothing");
    daemon.stop();
}

pub fn a_reset_is_counted_as_one() {
    let sandbox = Sandbox::new();
    sandbox.write_poem("poetry/ecstasy.txt", 32 << 20);
    let daemon = start(&sandbox, "");
    let (status, fast) = (place(&daemon), daemon.address("fast"));
    for _ in 0..3 {
        let mut client = connect(fast);
        client.read_exact(&mut [0]).unwrap();
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let failed = |reason: &str| {
        let reason = format!("reason=\"{reason}\"");
        let labels = ["service=\"fast\"", &reason];
        one(&values(status), "poetryd_connections_failed_total", &labels)
    };
    until("the resets", || failed("reset") == 3.0);
    for other in ["gone", "timeout", "protocol", "system", "cut"] {
        assert_eq!(failed(other), 0.0, "{other}");
    }
    daemon.stop();
}

pub fn both_formats_have_the_same_numbers() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let (status, fast) = (place(&daemon), daemon.address("fast"));
    fetch(fast).unwrap();
    until("the end", || {
        one(&values(status), "poetryd_connections_completed_total", &["fast"]) == 1.0
    });
    let steady = |values: Values| -> Values {
        values.into_iter().filter(|(name, _)| !name.starts_with("process_")).collect()
    };
    let open = open_metrics(&metrics_as(status, "application/openmetrics-text"));
    assert_eq!(steady(open), steady(values(status)));
    daemon.stop();
}

pub fn odd_counters_of_a_program_are_valid_or_left_out_with_a_warning() {
    let sandbox = Sandbox::new();
    let daemon = Foreground::start(program(&sandbox, "[services.odd]\nkind = \"odd\"\n")).ready();
    let address = place(&daemon);
    let values = values(address);
    let open = metrics_as(address, "application/openmetrics-text");
    assert!(open.contains("# HELP poetryd_with_dots Help with a \\\\ and a \\\"quote\\\",\\nin two lines: \\\\n.\n"), "{open}");
    let plain = get(address, "/metrics").ok();
    assert!(plain.contains("# HELP poetryd_with_dots_total Help with a \\\\ and a \"quote\",\\nin two lines: \\\\n.\n"), "{plain}");
    assert_eq!(open_metrics(&open).len(), values.len());
    let is =
        |name: &str, labels: &[&str], value: f64| assert_eq!(one(&values, name, labels), value);
    is("poetryd_requests_per_second_total", &["service=\"odd\""], 3.0);
    let odd = ["service=\"odd\"", "own_a_b=\"1\"", "own_service=\"me\\\"\\n\\\\\""];
    is("poetryd_with_dots_total", &odd, 7.0);
    is("poetryd_twice_total", &["a=\"b\""], 1.0);
    is("poetryd_twice_total", &["a=\"c\""], 3.0);
    is("poetryd_both_total", &[], 4.0);
    is("poetryd_reserved", &["own___name__=\"up\"", "own_=\"e\"", "own_1=\"f\""], 8.0);
    is("poetryd_", &[], 9.0);
    is("poetryd____", &[], u64::MAX as f64);
    is("poetryd_time_seconds_total", &[], 11.0);
    is("poetryd_ready", &[], 1.0);
    is("poetryd_service_restarts_total", &["service=\"odd\""], 0.0);
    is("poetryd_hash", &["x=\"\\n# HELP evil\\n# EOF\\n\""], 14.0);
    assert!(!values.keys().any(|name| name.contains("label_twice")));
    // Each is told once, however often it is read.
    let log = daemon.stop();
    for name in ["twice", "both", "both_total", "label_twice", "ready", "service_restarts"] {
        let told = format!("the counter {name} of odd is left out of the metrics: ");
        assert_eq!(log.iter().filter(|line| line.contains(&told)).count(), 1, "{name}: {log:?}");
    }
}

pub fn states_and_restarts_are_those_of_the_services() {
    let sandbox = Sandbox::new();
    let often = "restart = \"on-failure\"\nrestart-delay = 0.01\nrestart-max-delay = 0.01\n";
    let services = format!(
        "[services.again]\nkind = \"failing\"\n{often}\n[services.night]\nkind = \"group\"\n\n\
         [services.night.services.odd]\nkind = \"odd\"\n"
    );
    let daemon = Foreground::start(program(&sandbox, &services)).ready();
    let address = place(&daemon);
    let state = |values: &Values, service: &str| {
        let states =
            ["stopped", "starting", "running", "stopping", "finished", "waiting", "failed"];
        let own = format!("service=\"{service}\"");
        let value = |state: &&str| {
            one(values, "poetryd_service_state", &[&own, &format!("state=\"{state}\"")]) == 1.0
        };
        let set: Vec<&str> = states.into_iter().filter(|state| value(state)).collect();
        assert_eq!(set.len(), 1, "{service} is {set:?}");
        set[0]
    };
    let first = values(address);
    for service in ["again", "night", "night.odd", "status"] {
        assert_eq!(state(&first, service), "running", "{service}");
    }
    sandbox.write("fail", "");
    let restarts =
        |values: &Values| one(values, "poetryd_service_restarts_total", &["service=\"again\""]);
    until("restarts", || restarts(&values(address)) >= 3.0);
    std::fs::remove_file(sandbox.path("fail")).unwrap();
    until("the last restart", || state(&values(address), "again") == "running");
    let last = values(address);
    // Its own counter survives its restarts.
    let attempts = one(&last, "poetryd_attempts_total", &["service=\"again\""]);
    assert_eq!(attempts, restarts(&last));
    daemon.stop();
}

pub fn the_process_is_described() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let values = values(place(&daemon));
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert_eq!(one(&values, "poetryd_build_info", &["program=\"poetryd\"", version]), 1.0);
    let is = |name: &str, least: f64, most: f64| {
        let value = one(&values, name, &[]);
        assert!((least..=most).contains(&value), "{name} {value}");
    };
    is("process_resident_memory_bytes", 1e6, 1e9);
    is("process_virtual_memory_bytes", 1e6, 1e12);
    let open = crate::support::open_descriptors(daemon.pid()) as f64;
    is("process_open_fds", open - 3.0, open + 3.0);
    is("process_max_fds", 1024.0, 1e9);
    is("process_cpu_seconds_total", 0.0, 100.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    is("process_start_time_seconds", now.as_secs_f64() - 600.0, now.as_secs_f64());
    is("poetryd_config_last_reload_timestamp_seconds", 1e9, now.as_secs_f64());
    is("poetryd_config_last_reload_successful", 1.0, 1.0);
    is("poetryd_log_lines_lost_total", 0.0, 0.0);
    daemon.stop();
}

pub fn there_are_those_that_the_board_and_the_alerts_use() {
    let listener = |name: &str, more: &str| {
        format!(
            "\n[services.{name}]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"{name}\"\n{more}\n"
        )
    };
    let services = listener("proxy", "upstream = \"127.0.0.1:1\"")
        + &listener("transform", "")
        + &listener("forward", "to = \"127.0.0.1:1\"")
        + "\n[services.quote]\nkind = \"quote\"\ninterface = \"127.0.0.1\"\nport = 0\npoem = \"ecstasy\"\n";
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, &services);
    let values = values(place(&daemon));
    let is_there =
        |metric: &str| values.iter().any(|(name, _)| name.split('{').next() == Some(metric));
    let absent: Vec<&&str> = METRICS.iter().filter(|metric| !is_there(metric)).collect();
    assert!(absent.is_empty(), "{absent:?}");
    daemon.stop();
}
