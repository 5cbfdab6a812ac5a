use super::*;
use serde_json::{Value, json};
use std::time::Duration;

fn status(pid: u32, services: &[(&str, &str, u64)]) -> Status {
    let services: Vec<Value> = (services.iter())
        .map(|(path, counter, value)| {
            json!({"path": path, "kind": "tcp", "is_group": false, "state": "running", "since": "",
                "status": null, "failure": null, "restarts": 0, "next_start": null,
                "counters": [{"name": counter, "kind": "counter", "labels": {}, "value": value}]})
        })
        .collect();
    let status = json!({"schema": 1, "program": "p", "version": null, "pid": pid, "origin": "o",
        "phase": "running", "ready": true, "started": "", "since": "", "workers": 1,
        "last_reload": null, "services": services, "draining": []});
    serde_json::from_value(status).unwrap()
}

fn rates(rates: &Rates, status: &Status) -> Vec<Option<Option<f64>>> {
    status.services.iter().map(|service| rates.of(service)).collect()
}

#[test]
fn a_rate_needs_two_answers_of_the_same_process() {
    let (mut of, start) = (Rates::default(), Instant::now());
    let first = status(1, &[("a", "connections_opened", 10), ("c", "keys", 5)]);
    of.update(&first, start);
    assert_eq!(rates(&of, &first), [Some(None), None]);
    let second = status(1, &[("a", "connections_opened", 25), ("b", "datagrams_received", 7)]);
    of.update(&second, start + Duration::from_secs(2));
    assert_eq!(rates(&of, &second), [Some(Some(7.5)), Some(None)]);
    let restarted = status(2, &[("a", "connections_opened", 40)]);
    of.update(&restarted, start + Duration::from_secs(3));
    assert_eq!(rates(&of, &restarted), [Some(None)]);
}

#[test]
fn a_counter_that_goes_back_and_answers_at_the_same_time_have_no_rate() {
    let (mut of, start) = (Rates::default(), Instant::now());
    let [more, less] = [9, 3].map(|count| status(1, &[("a", "connections_opened", count)]));
    of.update(&more, start);
    of.update(&less, start + Duration::from_secs(1));
    assert_eq!(rates(&of, &less), [Some(None)]);
    of.update(&more, start + Duration::from_secs(1));
    assert_eq!(rates(&of, &more), [Some(None)]);
}
