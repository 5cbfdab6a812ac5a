//! By which names it may be asked, and who sees the log.

use crate::http::{ask, place, request};
use crate::start;
use crate::support::{Sandbox, until};
use std::net::SocketAddr;

fn status_for(address: SocketAddr, host: &str) -> u16 {
    ask(address, &request("/status.json", host, "")).status
}

pub fn names_of_this_machine_and_addresses_are_known_and_others_refused() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "hosts = [\"Status.Example\", \"dotted.example.\"]\n");
    let address = place(&daemon);
    let machine = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let known = [
        "localhost",
        "LocalHost:80",
        "localhost.",
        "a.localhost:1",
        "127.0.0.1",
        &format!("127.0.0.1:{}", address.port()),
        "[::1]",
        "[::1]:9100",
        "192.0.2.7:9100",
        "[2001:db8::1]",
        &machine,
        &format!("{}.:17", machine.to_uppercase()),
        "status.example",
        "STATUS.example.:9100",
        "dotted.example",
        "dotted.example.",
    ];
    for host in known {
        assert_eq!(status_for(address, host), 200, "{host}");
    }
    let unknown = [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-localhost",
        "xstatus.example",
        "a.status.example",
        "user@localhost",
        "localhost@evil.example",
        "localhost:80:80",
        "localhost/evil",
        "",
        ":80",
        "[::1",
        "[::1]evil",
        "localhost evil.example",
        "localhost,evil.example",
        "l\u{f6}calhost",
    ];
    for host in unknown {
        let answer = ask(address, &request("/metrics", host, ""));
        assert!(matches!(answer.status, 400 | 421), "{host}: {}", answer.status);
        assert!(!answer.body.contains("poetryd_ready"), "{host}");
    }
    let refused = ask(address, &request("/", "evil.example\t", ""));
    assert!(
        refused.body.contains("the host \"evil.example\" is not known here"),
        "{}",
        refused.body
    );
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    let twice = request("/metrics", "localhost", "Host: localhost\r\n");
    assert!(matches!(ask(address, &twice).status, 400 | 421));
    // What the request line says takes precedence.
    let absolute = |target: &str, host: &str| ask(address, &request(target, host, "")).status;
    assert_eq!(absolute("http://localhost/healthz", "localhost"), 200);
    assert_eq!(absolute("http://evil.example/healthz", "localhost"), 421);
    assert_eq!(absolute("http://user@localhost/healthz", "localhost"), 421);
    assert_eq!(ask(address, "GET /healthz HTTP/1.0\r\n\r\n").status, 200);
    assert_eq!(ask(address, "GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n").status, 421);
    daemon.stop();
}

pub fn warnings_are_for_local_clients_alone() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "hosts = [\"status.example\"]\n");
    let address = place(&daemon);
    // A reload that is a mistake is a warning.
    sandbox.write("fast.toml", "nonsense");
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    daemon.wait_for("reload failed");
    let answer = |host: &str, more: &str| -> serde_json::Value {
        let answer = ask(address, &request("/status.json", host, more));
        serde_json::from_str(&answer.ok()).unwrap()
    };
    until("the warning", || {
        answer("localhost", "")["warnings"].to_string().contains("reload failed")
    });
    for host in ["127.0.0.1", "[::1]:9100", "a.localhost"] {
        assert_ne!(answer(host, "")["warnings"].as_array().unwrap().len(), 0, "{host}");
    }
    for host in
        ["192.0.2.7", "status.example", &nix::unistd::gethostname().unwrap().to_string_lossy()]
    {
        assert!(answer(host, "").get("warnings").is_none(), "{host}");
    }
    for header in [
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Proto",
        "Forwarded",
        "X-Real-IP",
        "Via",
    ] {
        let answer = answer("localhost", &format!("{header}: 192.0.2.1\r\n"));
        assert!(answer.get("warnings").is_none(), "{header}");
    }
    let old = ask(address, "GET /status.json HTTP/1.0\r\n\r\n").ok();
    assert!(!old.contains("\"warnings\""), "{old}");
    daemon.stop();
}
