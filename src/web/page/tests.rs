use super::page;
use crate::document::{LastReload, Refused, ReloadOutcome, Status, Warning};
use serde_json::json;

const HOSTILE: &str = r#"<script>alert(1)</script>" onload='x' &amp; {{nonce}}"#;

/// The status of a daemon with these services.
fn status(services: serde_json::Value) -> Status {
    let status = json!({
        "schema": 1, "program": "poetryd", "version": "0.2.0", "pid": 4711, "origin": "two-poems.toml", "phase": "running",
        "ready": true, "started": "2026-11-29T17:03:39.576Z", "since": "2026-11-29T17:03:39.585Z", "workers": 2,
        "log_lines_lost": 0, "warnings": [], "last_reload": null, "services": services, "draining": [],
    });
    serde_json::from_value(status).unwrap()
}

fn service(path: &str, state: &str, counters: serde_json::Value) -> serde_json::Value {
    json!({
        "path": path, "kind": "tcp", "is_group": false, "state": state, "since": "2026-11-29T17:03:39.584Z",
        "status": "127.0.0.1:10001", "failure": "it broke", "restarts": 0, "next_start": "2026-11-29T17:05:00.000Z",
        "counters": counters,
    })
}

/// What a reader without a style sees of the table.
fn rows(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("<tbody").unwrap();
    let (body, _) = body.split_once("</tbody>").unwrap();
    let row = |row: &str| {
        let texts =
            row.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text.trim());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    };
    body.split("<tr ").skip(1).map(row).collect()
}

#[test]
fn each_service_has_a_row_with_its_state_its_text_and_the_sums_of_its_numbers() {
    let count = |name: &str, address: &str, value: u64| json!({"name": name, "kind": "counter", "labels": {"address": address}, "value": value});
    let counters = json!([
        count("connections_open", "a", 1),
        count("connections_open", "b", 2),
        count("connections_completed", "a", 81204),
        count("connections_failed", "a", 0),
        count("sent_bytes", "a", 10_540_000),
    ]);
    let services = json!([
        service("yeats.fast", "running", counters),
        service("poe", "waiting", json!([])),
        service("donne", "failed", json!([])),
    ]);
    let mut status = status(services);
    let draining = json!({
        "path": "poe.fast", "kind": "tcp", "state": "stopping", "since": "2026-11-29T17:06:00.000Z",
        "status": "2 connections left",
    });
    status.draining = vec![serde_json::from_value(draining).unwrap()];
    let page = page(&status, "0");
    assert_eq!(
        rows(&page),
        [
            "fast tcp running 2026-11-29 17:03:39 UTC 127.0.0.1:10001 3 81,204 0 10.5 MB",
            "poe tcp waiting 2026-11-29 17:03:39 UTC restarts at 2026-11-29 17:05:00 UTC : it broke",
            "donne tcp failed 2026-11-29 17:03:39 UTC it broke",
            "poe.fast tcp draining 2026-11-29 17:06:00 UTC stopping, from before a reload: 2 connections left",
        ]
    );
    assert!(page.contains("<title>poetryd: ready</title>"));
}

#[test]
fn texts_of_others_are_nothing_but_text() {
    let mut hostile =
        status(json!([service(HOSTILE, HOSTILE, json!([])), service("a", "running", json!([]))]));
    for text in
        [&mut hostile.program, &mut hostile.origin, &mut hostile.phase, &mut hostile.started]
    {
        *text = HOSTILE.into();
    }
    hostile.version = Some(HOSTILE.into());
    hostile.services[1].status = Some(HOSTILE.into());
    let warning = || HOSTILE.to_owned();
    hostile.warnings = Some(vec![Warning {
        time: warning(),
        level: warning(),
        service: warning(),
        message: warning(),
    }]);
    let refused = Refused { schema: 1, error: HOSTILE.into(), is_mistake: true };
    hostile.last_reload =
        Some(LastReload { ended: HOSTILE.into(), outcome: ReloadOutcome::Refused(refused) });
    let page = page(&hostile, "0123");
    assert!(page.matches("alert(1)").count() > 12);
    assert!(
        !page.contains("<script>") && !page.contains(r#"" onload"#) && !page.contains("onload='")
    );
    assert_eq!(page.matches("0123").count(), 2 + page.matches("#0123").count());
}

#[test]
fn only_who_may_see_the_log_is_told_that_there_is_nothing_in_it() {
    let mut status = status(json!([]));
    let quiet = r#"<p id="quiet" class="hint">"#;
    let away = r#"<p id="away" class="hint">"#;
    let shown = |status: &Status| [quiet, away].map(|text| page(status, "0").contains(text));
    assert_eq!(shown(&status), [true, false]);
    status.warnings = None;
    assert_eq!(shown(&status), [false, true]);
    let text = || "lost".to_owned();
    status.warnings =
        Some(vec![Warning { time: text(), level: text(), service: text(), message: text() }]);
    assert_eq!(shown(&status), [false, false]);
}

#[test]
fn nothing_in_the_page_is_what_its_policy_forbids() {
    let page = page(&status(json!([])), "0");
    for forbidden in [
        " style=",
        " onclick=",
        "http://",
        "https://",
        "@import",
        "url(",
        "innerHTML",
        "eval(",
        "{{",
    ] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_tree_too_large_for_a_page_is_cut_and_the_page_says_so() {
    let services: Vec<_> =
        (0..1002).map(|n| service(&format!("s{n}"), "running", json!([]))).collect();
    let page = page(&status(services.into()), "0");
    assert_eq!(rows(&page).len(), 1000);
    assert!(page.contains("2 more services"));
}
