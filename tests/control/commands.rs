//! Every command, and what it prints and returns.

use crate::support::{ECSTASY, Foreground, Sandbox, fast_toml, fetch, stderr, stdout, until};
use crate::{assert_says, http};
use std::thread;

pub const TREE: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
    [services.night]\nkind = \"group\"\n\
    [services.night.services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n";

pub fn tree(sandbox: &Sandbox) -> Foreground {
    sandbox.write("tree.toml", TREE);
    Foreground::start(sandbox.poetryd(&["--nodaemon", "tree.toml"])).ready()
}

pub fn status_shows_the_tree_and_what_each_service_does() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let address = daemon.address("night.fast");
    for _ in 0..3 {
        assert_eq!(fetch(address).unwrap(), ECSTASY);
    }
    let served = |output: &std::process::Output| stdout(output).contains("served 3");
    until("the count", || served(&sandbox.run(&["status"])));
    let output = sandbox.run(&["status"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    let (header, rest) = text.split_once('\n').unwrap();
    let start = format!(
        "poetryd {} is running with pid {} since ",
        env!("CARGO_PKG_VERSION"),
        daemon.pid()
    );
    assert!(header.starts_with(&start) && header.ends_with(": tree.toml"), "{header}");
    assert_eq!(
        rest,
        format!(
            "ecstasy  poem   running  {} bytes from poetry/ecstasy.txt\n\
             night    group  running\n\
             \u{20} fast   tcp    running  {address}   open 0, served 3, cut 0\n",
            ECSTASY.len()
        )
    );
}

pub fn the_document_of_the_status_has_its_fields() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let output = sandbox.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["schema"], &json["ready"]), (&1.into(), &true.into()));
    assert_eq!(json["pid"], daemon.pid().as_raw());
    assert_eq!(json["phase"], "running");
    assert!(json["last_reload"].is_null() && json["draining"] == serde_json::json!([]));
    let fast = &json["services"][2];
    assert_eq!((&fast["path"], &fast["kind"]), (&"night.fast".into(), &"tcp".into()));
    assert_eq!((&fast["state"], &fast["is_group"]), (&"running".into(), &false.into()));
    assert_eq!(fast["status"], daemon.address("night.fast").to_string());
    let opened = &fast["counters"][0];
    assert_eq!((&opened["name"], &opened["value"]), (&"connections_opened".into(), &0.into()));
    // The page of the guide names every field.
    let page = std::fs::read_to_string("src/guide/control.md").unwrap();
    let mut fields: Vec<&String> = json.as_object().unwrap().keys().collect();
    fields.extend(fast.as_object().unwrap().keys());
    fields.extend(opened.as_object().unwrap().keys());
    for field in fields {
        assert!(page.contains(&format!("`{field}`")), "the guide does not describe {field}");
    }
}

pub fn http_without_our_client_works_as_well() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    let socket = sandbox.path("poetryd.sock");
    let get = http(&socket, "GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(get.starts_with("HTTP/1.1 200 OK\r\n"), "{get}");
    assert!(get.contains("content-type: application/json\r\n") && get.ends_with("}\n"), "{get}");
    for (request, status) in [
        ("GET /nothing", "404"),
        ("POST /status", "405"),
        ("GET /stop", "405"),
        ("POST /stop?quickly", "400"),
        ("POST /services/night.fast/explode", "404"),
        ("POST /services/night..fast/restart", "400"),
        ("POST /services/nobody/restart", "404"),
        ("POST /log-level/loud", "400"),
        ("POST /reload?wet-run", "400"),
        ("POST /rotate", "409"), // the log is standard output
        ("POST /services/night.fast/restart", "200"),
    ] {
        let answer = http(&socket, &format!("{request} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("{\"schema\":1,"), "{request}: {answer}");
    }
}

pub fn a_service_is_stopped_and_started_and_restarted_and_its_clients_wait() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let address = daemon.address("night.fast");
    let stopped = sandbox.run(&["service", "stop", "night.fast"]);
    assert_says(&stopped, 0, &["the service night.fast has stopped\n"]);
    assert_says(&sandbox.run(&["status"]), 0, &["tcp    stopped"]);
    let waiting = thread::spawn(move || fetch(address).unwrap());
    let started = sandbox.run(&["service", "start", "night.fast"]);
    assert_says(&started, 0, &["the service night.fast is running\n"]);
    assert_eq!(waiting.join().unwrap(), ECSTASY);
    let restarted = sandbox.run(&["service", "restart", "night"]);
    assert_says(&restarted, 0, &["the service night has been restarted\n"]);
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    daemon.wait_for("of the user with id");
}

pub fn what_others_use_is_stopped_by_force_only() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    let refused = sandbox.run(&["service", "stop", "ecstasy"]);
    assert_says(&refused, 1, &["in use by night.fast; --force"]);
    assert_says(&sandbox.run(&["service", "stop", "ecstasy", "--force"]), 0, &["has stopped"]);
}

pub fn the_level_of_the_log_changes_and_the_log_is_rotated() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.background(&["fast.toml"]);
    assert_says(&sandbox.run(&["log-level", "debug"]), 0, &["debug until the next reload"]);
    until("the level", || sandbox.read("poetryd.log").contains("level debug"));
    assert_says(&sandbox.run(&["rotate"]), 0, &["rotated"]);
    until("the rotation", || sandbox.path("poetryd.log.1").exists());
    assert!(daemon.is_running());
}

pub fn a_daemon_without_pid_file_is_found_and_stopped_by_its_socket() {
    let sandbox = Sandbox::new();
    for stop in [&["stop"][..], &["stop", "--now"]] {
        let args = ["--nodaemon", "--pidfile", "", "--control", "my.sock", "fast.toml"];
        let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
        let pid = daemon.pid();
        let status = sandbox.run(&["status", "--control", "my.sock"]);
        assert_says(&status, 0, &[&format!("is running with pid {pid}")]);
        let stopped = sandbox.run(&[stop, &["--control", "my.sock"]].concat());
        assert_says(&stopped, 0, &[&format!("poetryd with pid {pid} has stopped\n")]);
        assert!(daemon.wait().0.success());
        for gone in ["status", "stop", "rotate", "reload"] {
            let gone = sandbox.run(&[gone, "--control", "my.sock"]);
            assert_says(&gone, 3, &["not running: no process listens on"]);
        }
    }
}

pub fn a_reload_that_is_a_mistake_exits_2_with_the_line() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    sandbox.write("fast.toml", &fast_toml("speed = 9"));
    let args = ["reload", "--control", "poetryd.sock"];
    assert_says(&sandbox.run(&args), 2, &["fast.toml:13:1: ", "speed"]);
    let told = stderr(&sandbox.run(&["reload"]));
    assert!(!told.starts_with("poetryd: "), "{told}");
    assert_says(&sandbox.run(&["reload"]), 2, &["fast.toml:13:1: ", "speed"]);
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    assert_says(&sandbox.run(&["status"]), 0, &["a reload failed"]);
}

pub fn each_mistake_has_its_status() {
    let sandbox = Sandbox::new();
    for args in [&["reload"][..], &["rotate"], &["log-level", "info"], &["service", "start", "a"]] {
        assert_says(&sandbox.run(args), 3, &["not running"]);
    }
    let _daemon = tree(&sandbox);
    assert_says(&sandbox.run(&["service", "restart", "nobody"]), 2, &["no service nobody"]);
    assert_says(&sandbox.run(&["service", "restart", "a..b"]), 2, &[]);
    assert_says(&sandbox.run(&["log-level", "loud"]), 2, &["error, warn, info, debug, trace"]);
    assert_says(&sandbox.run(&["rotate"]), 1, &["not a file"]);
    assert_says(&sandbox.run(&["--pidfile", "", "status"]), 2, &["can't be found"]);
}

pub fn a_reload_says_what_it_has_changed_and_a_dry_run_changes_nothing() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    assert_says(&sandbox.run(&["reload"]), 0, &["reloaded: 2 kept\n"]);
    sandbox.write("poetry/ecstasy.txt", "short\n");
    let file = fast_toml("")
        + "\n[services.more]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n[daemon]\nworkers = 1\n";
    sandbox.write("fast.toml", &file);
    let parts = ["1 added", "[more] added\n", "[ecstasy] ", "workers: takes effect when"];
    let dry = sandbox.run(&["reload", "--dry-run"]);
    assert_says(&dry, 0, &[&["would reload: 2 kept, "][..], &parts].concat());
    assert_eq!(fetch(address).unwrap(), ECSTASY);
    let reloaded = sandbox.run(&["reload"]);
    assert_says(&reloaded, 0, &[&["reloaded: 2 kept, "][..], &parts].concat());
    assert_eq!(fetch(address).unwrap(), b"short\n");
    assert_says(&sandbox.run(&["status"]), 0, &[", reloaded 0 s ago", "more     tcp   running"]);
}
