//! The files for Prometheus and Grafana in `config/monitoring`.

mod board;
#[allow(dead_code)] // other tests need the rest of it
#[path = "../support/circumstances.rs"]
mod circumstances;
mod known;
mod promql;

use board::Board;
use std::collections::BTreeSet;
use std::fs;

fn read(file: &str) -> String {
    fs::read_to_string(format!("config/monitoring/{file}")).unwrap()
}

#[test]
fn the_board_and_the_alerts_use_metrics_that_there_are() {
    let mut expressions = Board::read().expressions();
    let rules = promql::expressions(&read("alerts.yml"));
    assert_eq!(rules.len(), 5);
    expressions.extend(rules.into_iter().map(|rule| ("alerts.yml".to_owned(), rule)));
    let mut used = BTreeSet::new();
    for (place, expression) in &expressions {
        let metrics = promql::metrics(expression);
        assert!(!metrics.is_empty(), "{place}: no metric in {expression}");
        for metric in metrics {
            let is_known = metric == "up" || known::METRICS.contains(&&*metric);
            assert!(is_known, "{place}: there is no metric {metric}");
            used.insert(metric);
        }
    }
    let unused: Vec<_> = known::METRICS.iter().filter(|metric| !used.contains(**metric)).collect();
    assert!(unused.is_empty(), "on no panel: {unused:?}");
}

/// Runs promtool in the folder of the files.
fn promtool(args: &[&str]) {
    let mut promtool = circumstances::command("promtool");
    let output = promtool.args(args).current_dir("config/monitoring").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {}: {text}", args.join(" "));
    assert!(text.contains("SUCCESS"), "{text}");
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_accepts_the_alerts_and_the_configuration() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
#[ignore = "needs promtool"]
fn each_alert_fires_when_it_should_and_only_then() {
    promtool(&["test", "rules", "alerts_test.yml"]);
}

/// The language of the expressions is checked by promtool, since Grafana checks it only when a panel is shown.
#[test]
#[ignore = "needs promtool"]
fn the_expressions_of_the_board_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = "groups:\n- name: board\n  rules:\n".to_owned();
    for (number, (_, expression)) in Board::read().expressions().iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "1m").replace("$__range", "1h");
        let expression = serde_json::Value::from(expression); // a string of JSON is one of YAML
        rules += &format!("  - record: expression:{number}\n    expr: {expression}\n");
    }
    let file = folder.path().join("board.yml");
    fs::write(&file, rules).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
}
