//! Our clients, the proxy and `get-poetry`, with Twisted's servers.

use crate::support::{Foreground, Sandbox, command, connect, fetch, receive, run, stderr};
use crate::{served, strange_poem, twisted};
use std::process::Output;

/// A server of theirs that listens. Its arguments follow the file of the poem.
fn server(program: &str, sandbox: &Sandbox, args: &[&str]) -> Foreground {
    let poem = sandbox.path("poetry/ecstasy.txt");
    let args = [&[poem.to_str().unwrap()], args].concat();
    let server = Foreground::start(twisted(program, &args));
    server.address("twisted");
    server
}

/// Where it listens, as an argument.
fn address(server: &Foreground) -> String {
    server.address("twisted").to_string()
}

fn proxy_of(server: &Foreground, sandbox: &Sandbox) -> Foreground {
    served(sandbox, "proxy", &format!("upstream = \"{}\"", address(server)))
}

fn get_poetry(args: &[&str]) -> Output {
    let mut client = command(env!("CARGO_BIN_EXE_get-poetry"));
    client.args(args);
    run(client)
}

#[track_caller]
fn assert_gets(output: &Output, poem: &[u8]) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert!(output.stdout == poem, "{} bytes\n{}", output.stdout.len(), stderr(output));
}

#[test]
#[ignore = "python3"]
fn a_proxy_gets_the_poem_of_a_fast_server() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let server = server("fast_server.py", &sandbox, &[]);
    let proxy = proxy_of(&server, &sandbox);
    assert!(fetch(proxy.address("served")).unwrap() == poem);
    drop(server);
    assert!(fetch(proxy.address("served")).unwrap() == poem, "it was not kept");
}

#[test]
#[ignore = "python3"]
fn a_proxy_gets_the_poem_of_a_slow_server_for_many() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let server = server("slow_server.py", &sandbox, &["200", "0.05"]);
    let proxy = proxy_of(&server, &sandbox);
    let clients: Vec<_> = (0..20).map(|_| connect(proxy.address("served"))).collect();
    for mut client in clients {
        assert!(receive(&mut client) == (poem.clone(), None));
    }
    server.wait_for("lost a client");
    let lost = server.log().iter().filter(|line| line.contains("lost a client")).count();
    assert_eq!(lost, 1, "each had a fetch of its own");
}

#[test]
#[ignore = "python3"]
fn a_proxy_whose_clients_have_left_leaves_a_slow_server() {
    let sandbox = Sandbox::new();
    let server = server("slow_server.py", &sandbox, &["10", "0.05"]);
    let proxy = proxy_of(&server, &sandbox);
    let client = connect(proxy.address("served"));
    proxy.wait_for("fetching a poem from ");
    drop(client);
    let line = server.wait_for("lost a client after ");
    let sent: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(sent < 3003, "{line}");
    proxy.wait_for("no client waits for the poem from ");
}

#[test]
#[ignore = "python3"]
fn a_proxy_passes_nothing_on_from_a_server_that_aborts() {
    let sandbox = Sandbox::new();
    let server = server("fast_server.py", &sandbox, &["abort"]);
    let proxy = proxy_of(&server, &sandbox);
    assert_eq!(fetch(proxy.address("served")).unwrap(), b"");
    proxy.wait_for("cut the poem after 3003 bytes");
}

#[test]
#[ignore = "python3"]
fn get_poetry_gets_poems_of_a_fast_and_a_slow_server() {
    let sandbox = Sandbox::new();
    let fast = server("fast_server.py", &sandbox, &[]);
    let slow = server("slow_server.py", &sandbox, &["200", "0.02"]);
    let poem = std::fs::read(sandbox.path("poetry/ecstasy.txt")).unwrap();
    let output = get_poetry(&[&address(&slow), &address(&fast)]);
    assert_gets(&output, &[&poem[..], &poem].concat());
}

#[test]
#[ignore = "python3"]
fn get_poetry_has_a_poem_transformed_by_a_transform_server() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let fast = server("fast_server.py", &sandbox, &[]);
    let transform = server("transform_server.py", &sandbox, &[]);
    let output = get_poetry(&["--transform", &address(&transform), &address(&fast)]);
    assert_gets(&output, &poem.to_ascii_lowercase());
}

#[test]
#[ignore = "python3"]
fn get_poetry_prints_the_poem_as_it_was_when_a_transform_server_refuses() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let fast = server("fast_server.py", &sandbox, &[]);
    let transform = server("transform_server.py", &sandbox, &[]);
    let (transform, fast) = (address(&transform), address(&fast));
    let output = get_poetry(&["--transform", &transform, "--transform-name", "sing", &fast]);
    assert_gets(&output, &poem);
    assert!(stderr(&output).contains("refused to transform"), "{}", stderr(&output));
}

#[test]
#[ignore = "python3"]
fn get_poetry_fails_when_a_server_aborts() {
    let sandbox = Sandbox::new();
    let server = server("fast_server.py", &sandbox, &["abort"]);
    let output = get_poetry(&[&address(&server)]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", stderr(&output));
}
