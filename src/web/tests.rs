//! By which names it may be asked, and what its settings may be.

use super::host::{Asked, Hosts};
use crate::config::{Registry, parse};
use axum::http::Request;
use axum::http::request::Parts;

fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn asked(host: &str, is_local: bool) -> Result<Asked, String> {
    let hosts = Hosts::new(&["Status.Example.".into()]);
    hosts.check(&parts("/", &[("host", host)]), is_local)
}

#[test]
fn names_of_this_machine_are_here_if_the_client_is() {
    for host in
        ["localhost", "LOCALHOST.:1", "x.localhost", "127.0.0.1:9", "127.9.9.9", "[::1]", "[::1]:9"]
    {
        assert_eq!(asked(host, true), Ok(Asked::Here), "{host}");
        assert_eq!(asked(host, false), Ok(Asked::ByName), "{host}");
    }
}

#[test]
fn other_addresses_and_known_names_are_known() {
    for host in
        ["192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "status.example", "STATUS.EXAMPLE.:80"]
    {
        assert_eq!(asked(host, true), Ok(Asked::ByName), "{host}");
    }
    assert_eq!(Hosts::new(&[]).check(&parts("/", &[]), true), Ok(Asked::ByName));
}

#[test]
fn other_names_are_refused_and_named() {
    let cases = [
        ("evil.example", "evil.example"),
        ("Evil.Example:80", "evil.example"),
        ("localhost.evil.example.", "localhost.evil.example"),
        ("notlocalhost", "notlocalhost"),
        ("user@localhost", "user@localhost"),
        ("status.example.evil", "status.example.evil"),
        ("127.0.0.1.evil", "127.0.0.1.evil"),
        ("", ""),
        (":80", ""),
        ("localhost:x", "localhost:x"),
        ("2130706433", "2130706433"),
    ];
    for (host, name) in cases {
        assert_eq!(asked(host, true), Err(name.to_owned()), "{host}");
    }
}

#[test]
fn the_request_line_takes_precedence_and_two_hosts_are_refused() {
    let hosts = Hosts::new(&[]);
    let check = |target: &str, headers: &[(&str, &str)]| hosts.check(&parts(target, headers), true);
    let local = [("host", "localhost")];
    assert_eq!(check("http://localhost/", &[("host", "evil.example")]), Ok(Asked::Here));
    assert_eq!(check("http://evil.example:1/", &local), Err("evil.example".into()));
    assert!(check("/", &[local[0], local[0]]).is_err());
}

#[test]
fn what_is_forwarded_is_not_from_here() {
    let hosts = Hosts::new(&[]);
    for name in [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Via",
    ] {
        let parts = parts("/", &[("host", "localhost"), (name, "")]);
        assert_eq!(hosts.check(&parts, true), Ok(Asked::ByName), "{name}");
    }
}

/// What a user sees of each wrong status service. The snapshots show the file, too.
macro_rules! mistakes {
    ($($name:ident: $keys:expr,)+) => {
        $(#[test]
        fn $name() {
            let text = format!("[services.status]\nkind = \"status\"\n{}\n", $keys);
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "tests/snapshots" }, {
                insta::assert_snapshot!(stringify!($name), format!("{text}\n========\n{}", wrong(&text)));
            });
        })+
    };
}

fn wrong(text: &str) -> String {
    let mut registry = Registry::new();
    super::register(&mut registry);
    match parse("status.toml", text, &registry, |_| ()) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("no mistake was found in\n{text}"),
    }
}

mistakes! {
    nowhere: "",
    on_a_port_and_a_path: "port = 0\npath = \"status.sock\"",
    with_a_mode_but_no_path: "port = 0\nmode = \"600\"",
    with_an_interface_but_no_port: "path = \"status.sock\"\ninterface = \"*\"",
    on_the_port_of_another:
        "port = 9100\ninterface = \"*\"\n\n[services.again]\nkind = \"status\"\nport = 9100\ninterface = \"127.0.0.1\"",
    for_no_hosts: "port = 0\nhosts = []",
    for_a_host_that_is_no_list: "port = 0\nhosts = \"a.example\"",
    for_a_host_with_a_port: "port = 0\nhosts = [\"a.example:9100\"]",
    for_a_host_that_is_a_url: "port = 0\nhosts = [\"a.example\", \"http://b.example/\"]",
    for_a_host_that_is_not_as_in_the_dns: "port = 0\nhosts = [\"b\u{fc}cher.example\"]",
}
