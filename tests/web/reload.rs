//! Reloads: the metrics go on, and a status service that is replaced refuses nobody.

use crate::http::{get, place, request, sent};
use crate::metrics::values;
use crate::program::STATUS;
use crate::start;
use crate::support::{ECSTASY, Foreground, Sandbox, fast_toml, fetch, until};
use crate::text::one;
use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Has a daemon reload, and waits for the end.
fn reload(daemon: &Foreground) {
    let ends = || {
        let is_end = |line: &&String| line.contains(" kept, ") || line.contains("reload failed");
        daemon.log().iter().filter(is_end).count()
    };
    let before = ends();
    daemon.signal(Signal::SIGHUP);
    until("the reload", || ends() > before);
}

pub fn the_last_reload_is_in_the_metrics_and_counters_go_on() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let (status, fast) = (place(&daemon), daemon.address("fast"));
    fetch(fast).unwrap();
    let successful = || one(&values(status), "poetryd_config_last_reload_successful", &[]);
    let time = || one(&values(status), "poetryd_config_last_reload_timestamp_seconds", &[]);
    let first = time();
    let good = sandbox.read("fast.toml");
    sandbox.write("fast.toml", "nonsense");
    reload(&daemon);
    assert_eq!(successful(), 0.0);
    let second = time();
    assert!(second > first, "{first} {second}");
    assert_eq!(get(status, "/readyz").status, 200);
    // `fast` is replaced: it has another setting.
    sandbox.write(
        "fast.toml",
        &good.replace("poem = \"ecstasy\"", "poem = \"ecstasy\"\nmax-connections = 7"),
    );
    reload(&daemon);
    assert_eq!(successful(), 1.0);
    assert!(time() > second);
    fetch(fast).unwrap();
    let sent = || one(&values(status), "poetryd_sent_bytes_total", &["service=\"fast\""]);
    until("both poems", || sent() == 2.0 * ECSTASY.len() as f64);
    daemon.stop();
}

pub fn one_that_is_replaced_refuses_nobody() {
    let sandbox = Sandbox::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let application = |hosts: usize| {
        let table = STATUS.replace("port = 0", &format!("port = {port}\nhosts = [\"h{hosts}\"]"));
        sandbox.write("fast.toml", &(fast_toml("") + &table));
    };
    application(0);
    let daemon = sandbox.foreground();
    let status = place(&daemon);
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(get(status, "/healthz").ok(), "ok\n");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 1..=5 {
            application(number);
            reload(&daemon);
            let before = count.load(Ordering::Relaxed);
            until("clients", || count.load(Ordering::Relaxed) > before + 20);
            let host = |number: usize| {
                crate::http::ask(status, &request("/healthz", &format!("h{number}"), "")).status
            };
            assert_eq!(host(number), 200);
            until("the end of the one before", || host(number - 1) == 421);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(sent(status, b"").is_ok());
    daemon.stop();
}

/// Names of services in the metrics.
fn services(address: SocketAddr) -> Vec<String> {
    let values = values(address);
    let named = values.keys().filter(|name| name.starts_with("poetryd_service_restarts_total{"));
    named.map(|name| name.split('"').nth(1).unwrap().to_owned()).collect()
}

pub fn services_come_and_go_in_the_metrics() {
    let sandbox = Sandbox::new();
    let poem = |name: &str| {
        format!("\n[services.{name}]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n")
    };
    let application = |names: &[String]| {
        let poems: String = names.iter().map(|name| poem(name)).collect();
        sandbox.write("fast.toml", &(STATUS.to_owned() + &poems));
    };
    application(&["first".into()]);
    let daemon = sandbox.foreground();
    let status = place(&daemon);
    assert_eq!(services(status), ["first", "status"]);
    for round in 0..30 {
        // One whose memory is free from now on, and another one, with no numbers but those that all have.
        application(&[]);
        reload(&daemon);
        until("the removal", || services(status) == ["status"]);
        let name = format!("p{round}");
        application(std::slice::from_ref(&name));
        reload(&daemon);
        assert_eq!(services(status), [&*name, "status"]);
    }
    daemon.stop();
}
