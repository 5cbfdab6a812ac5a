//! `/healthz` and `/readyz`.

use crate::http::{get, place};
use crate::metrics::values;
use crate::program::{STATUS, ask_program, program};
use crate::support::{Foreground, Sandbox, connect, fast_toml, receive, run, until};
use crate::text::one;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;

pub fn it_is_not_ready_while_a_service_starts_and_while_one_stops() {
    let sandbox = Sandbox::new();
    // The status service is first in the file, so that it has started before.
    sandbox.write("webby.toml", &(STATUS.to_owned() + "\n[services.slow]\nkind = \"slow\"\n"));
    let args = ["--nodaemon", "--stop-timeout", "100", "webby.toml"];
    let daemon = Foreground::start(ask_program(&sandbox, &args));
    let address = place(&daemon);
    until("the status service itself has started", || {
        let answer = get(address, "/readyz");
        assert_eq!(answer.status, 503);
        answer.body == "starting: 1 of 2 services are running\n"
    });
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(one(&values(address), "poetryd_ready", &[]), 0.0);
    sandbox.write("started", "");
    let daemon = daemon.ready();
    assert_eq!(get(address, "/readyz").ok(), "ready\n");
    daemon.signal(Signal::SIGTERM);
    until("the stop", || get(address, "/readyz").status == 503);
    until("the slow one to stop", || {
        get(address, "/readyz").body == "stopping: waiting for slow\n"
    });
    assert_eq!(get(address, "/healthz").ok(), "ok\n");
    let status: serde_json::Value =
        serde_json::from_str(&get(address, "/status.json").ok()).unwrap();
    assert_eq!((&status["ready"], &status["phase"]), (&false.into(), &"stopping".into()));
    sandbox.write("stopped", "");
    let (status, log) = daemon.wait();
    assert!(status.success(), "{log:?}");
}

pub fn it_is_not_ready_while_a_client_is_still_served_at_a_stop() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", 32 << 20);
    sandbox.write("fast.toml", &(fast_toml("") + STATUS));
    let daemon =
        Foreground::start(sandbox.poetryd(&["--nodaemon", "--stop-timeout", "100", "fast.toml"]))
            .ready();
    let status = place(&daemon);
    let mut client = connect(daemon.address("fast"));
    let mut first = [0];
    client.read_exact(&mut first).unwrap();
    daemon.signal(Signal::SIGTERM);
    until("the stop", || get(status, "/readyz").body == "stopping: waiting for fast\n");
    assert_eq!(one(&values(status), "poetryd_connections_open", &["service=\"fast\""]), 1.0);
    let (rest, error) = receive(&mut client);
    assert!(error.is_none() && [&first[..], &rest].concat() == poem, "{error:?} {}", rest.len());
    let (ended, log) = daemon.wait();
    assert!(ended.success(), "{log:?}");
}

pub fn a_service_that_has_failed_for_good_is_the_reason() {
    let sandbox = Sandbox::new();
    for file in ["started", "stopped"] {
        sandbox.write(file, "");
    }
    let services = "[services.slow]\nkind = \"slow\"\n\n[services.fails]\nkind = \"failing\"\n\
                    restart = \"on-failure\"\nrestart-delay = 300\nrestart-max-delay = 300\n";
    let daemon = Foreground::start(program(&sandbox, services)).ready();
    let address = place(&daemon);
    sandbox.write("fail", "");
    // One that will be restarted has not failed for good.
    until("the failure", || {
        one(&values(address), "poetryd_service_state", &["fails", "waiting"]) == 1.0
    });
    assert_eq!(get(address, "/readyz").ok(), "ready\n");
    let service = |word: &str| run(ask_program(&sandbox, &["service", word, "slow"]));
    sandbox.write("refuse", "");
    assert_eq!(service("restart").status.code(), Some(1));
    let answer = get(address, "/readyz");
    assert_eq!((answer.status, &*answer.body), (503, "failed: slow\n"));
    assert_eq!(get(address, "/healthz").ok(), "ok\n");
    fs::remove_file(sandbox.path("refuse")).unwrap();
    assert!(service("start").status.success());
    assert_eq!(get(address, "/readyz").ok(), "ready\n");
    daemon.stop();
}

pub fn while_a_worker_is_stuck_health_says_so_and_the_rest_answers() {
    let sandbox = Sandbox::new();
    let services = "[services.block]\nkind = \"blocking\"\n";
    let daemon = Foreground::start(program(&sandbox, services));
    let address = place(&daemon);
    until("the block", || get(address, "/status.json").ok().contains("blocks now"));
    let health = get(address, "/healthz");
    assert_eq!(health.status, 503);
    assert!(health.body.contains("has not responded for 5 s"), "{}", health.body);
    assert_eq!(one(&values(address), "poetryd_service_restarts_total", &["block"]), 0.0);
    assert_eq!(get(address, "/").status, 200);
    assert_eq!(get(address, "/readyz").ok(), "ready\n");
    sandbox.write("go-on", "");
    until("the end of the block", || get(address, "/healthz").status == 200);
    daemon.stop();
}
