//! Where it listens, and what it answers in general.

use crate::http::{Answer, ask, get, place, request};
use crate::start;
use crate::support::circumstances::has_ipv6;
use crate::support::{Sandbox, fast_toml, stderr, stdout};
use std::fs;
use std::io::Write;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

pub fn the_status_says_where_it_listens() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    let status: serde_json::Value =
        serde_json::from_str(&get(address, "/status.json").ok()).unwrap();
    let services = status["services"].as_array().unwrap();
    let own = services.iter().find(|service| service["kind"] == "status").unwrap();
    assert!(own["status"].as_str().unwrap().contains(&address.to_string()), "{own}");
    daemon.stop();
}

pub fn it_answers_at_both_addresses_of_localhost() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let v4 = place(&daemon);
    assert_eq!(get(v4, "/healthz").ok(), "ok\n");
    assert_eq!(get(v4, "/readyz").ok(), "ready\n");
    // Where localhost has an address of IPv6, it is the same port.
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, v4.port()).into();
    let all = ("localhost", v4.port()).to_socket_addrs().unwrap();
    if has_ipv6() && all.into_iter().any(|address| address == v6) {
        let answer = ask(v6, &request("/status.json", "[::1]:17", ""));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let status: serde_json::Value = serde_json::from_str(&answer.ok()).unwrap();
        assert_eq!((&status["ready"], &status["phase"]), (&true.into(), &"running".into()));
    }
    daemon.stop();
}

pub fn it_answers_on_a_unix_socket_whose_file_has_its_mode_and_is_removed_at_the_end() {
    for (line, mode) in [("", 0o666), ("mode = \"600\"\n", 0o600)] {
        let sandbox = Sandbox::new();
        let table = format!("\n[services.status]\nkind = \"status\"\npath = \"st.sock\"\n{line}");
        sandbox.write("fast.toml", &(fast_toml("") + &table));
        let daemon = sandbox.foreground();
        let socket = sandbox.path("st.sock");
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, mode);
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(request("/metrics", "localhost", "").as_bytes()).unwrap();
        let metrics = Answer::read(stream).ok();
        assert!(metrics.contains("\npoetryd_ready 1\n"), "{metrics}");
        daemon.stop();
        assert!(!socket.exists());
    }
}

pub fn check_says_where_it_would_listen() {
    let sandbox = Sandbox::new();
    let check = |keys: &str| {
        let table = format!("\n[services.status]\nkind = \"status\"\n{keys}\n");
        sandbox.write("fast.toml", &(fast_toml("") + &table));
        let output = sandbox.run(&["check", "fast.toml"]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let (status, text) = check("interface = \"127.0.0.1\"\nport = 9100");
    assert!(status == Some(0) && text.contains("would listen on 127.0.0.1:9100"), "{text}");
    let (status, text) = check("path = \"st.sock\"");
    assert!(status == Some(0) && text.contains("would listen on ") && text.contains("st.sock"));
    let (status, text) = check("");
    assert!(status == Some(2) && text.contains("\"port\" or \"path\""), "{text}");
    assert!(!sandbox.path("st.sock").exists());
}

pub fn a_port_that_is_taken_is_an_error_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let sandbox = Sandbox::new();
    let table = format!("\n[services.status]\nkind = \"status\"\nport = {port}\n");
    sandbox.write("fast.toml", &(fast_toml("") + &table));
    let output = sandbox.run(&["--nodaemon", "fast.toml"]);
    let text = stdout(&output) + &stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("status") && text.contains(&port.to_string()), "{text}");
}

pub fn there_is_only_looking() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for target in ["/", "/metrics", "/status.json", "/healthz", "/readyz"] {
            let request = request(target, "localhost", "").replacen("GET", method, 1);
            let answer = ask(address, &request);
            assert_eq!(answer.status, 405, "{method} {target}");
            assert!(answer.header("allow").unwrap().contains("get"), "{method} {target}");
        }
    }
    for target in ["/x", "/metrics/", "//metrics", "/stop", "/reload", "/../etc/passwd", "/%2e"] {
        assert_eq!(get(address, target).status, 404, "{target}");
    }
    assert_eq!(get(address, "/healthz?x=y").status, 200);
    daemon.stop();
}

pub fn every_answer_tells_browsers_to_keep_out() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    let mut nonces = Vec::new();
    for target in ["/", "/metrics", "/status.json", "/healthz", "/readyz", "/nothing", "/"] {
        let answer = get(address, target);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{target}");
        assert!(answer.header("content-type").is_some(), "{target}");
        if target == "/" {
            let policy = answer.header("content-security-policy").unwrap().to_owned();
            assert!(policy.contains("default-src 'none'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
            assert!(answer.body.contains(nonce) && nonce.len() == 32, "{nonce}");
            nonces.push(nonce.to_owned());
        }
    }
    assert_ne!(nonces[0], nonces[1]);
    daemon.stop();
}

pub fn head_has_the_head_alone() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    for target in ["/", "/metrics", "/status.json", "/healthz"] {
        let request = request(target, "localhost", "").replacen("GET", "HEAD", 1);
        let answer = ask(place(&daemon), &request);
        assert_eq!((answer.status, &*answer.body), (200, ""), "{target}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(length > 0, "{target}");
    }
    daemon.stop();
}
