//! The poetry plugins, run as a user types them.

use crate::support::network::{in_network_of, in_own_network};
use crate::support::{
    Background, ECSTASY, Foreground, LIMIT, Sandbox, address_in, command, connect, fetch, receive,
    run, stderr,
};
use crate::{assert_silent, serve};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn fastpoetry_serves_in_the_background_until_its_pid_is_killed() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/own.txt", 5000);
    let args = ["fastpoetry", "--port", "0", "--iface", "127.0.0.1", "--poem", "poetry/own.txt"];
    let daemon = sandbox.background(&args);
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), poem);

    kill_by_pid_file(&sandbox);
    daemon.wait();
    assert!(!sandbox.path("poetryd.pid").exists());
    assert!(fetch(address).is_err());
}

#[test]
#[ignore = "root"] // for a network of its own: the port is fixed
fn fastpoetry_serves_on_port_10000() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/own.txt", 5000);
    let command = sandbox.poetryd(&["fastpoetry", "--port", "10000", "--poem", "poetry/own.txt"]);
    let output = run(in_own_network(&command));
    assert!(output.status.success(), "{}", stderr(&output));

    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    let address = "127.0.0.1:10000".parse().unwrap();
    assert_eq!(in_network_of(daemon.pid, || fetch(address).unwrap()), poem);
    kill_by_pid_file(&sandbox);
    daemon.wait();
}

#[test]
fn fastpoetry_without_a_poem_serves_the_one_that_is_compiled_in() {
    let sandbox = Sandbox::new();
    fs::remove_dir_all(sandbox.path("poetry")).unwrap();
    let daemon = serve(&sandbox, &["fastpoetry", "-p", "0", "--iface", "127.0.0.1"]);
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.stop();
}

#[test]
fn a_poem_is_relative_to_where_it_was_typed_not_to_the_rundir() {
    let sandbox = Sandbox::new();
    let typed = sandbox.write_poem("poem.txt", 100);
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    sandbox.write_poem("elsewhere/poem.txt", 200);
    for (plugin, service) in [("fastpoetry", "fast"), ("slowpoetry", "slow")] {
        let pace = ["--delay", "0", "--num-bytes", "1000"];
        let pace = if plugin == "slowpoetry" { &pace[..] } else { &[] };
        let args = ["--rundir", "elsewhere", plugin, "--port", "0", "--poem", "poem.txt"];
        let daemon = serve(&sandbox, &[&args[..], pace].concat());
        assert!(sandbox.path("elsewhere/poetryd.pid").exists());
        assert_eq!(fetch(daemon.address(service)).unwrap(), typed);
        daemon.stop();
    }
}

#[test]
fn fastpoetry_serves_a_second_poem_on_a_second_port() {
    let sandbox = Sandbox::new();
    let first = sandbox.write_poem("one", 100);
    let second = sandbox.write_poem("two", 200);
    let poems = ["--poem", "one", "--port", "0", "--poem2", "two", "--port2", "0"];
    let args = [&["fastpoetry", "--iface", "127.0.0.1"], &poems[..]].concat();
    let daemon = serve(&sandbox, &args);
    assert_eq!(fetch(daemon.address("fast")).unwrap(), first);
    assert_eq!(fetch(daemon.address("fast2")).unwrap(), second);
    daemon.stop();
}

#[test]
fn slowpoetry_waits_between_parts_of_the_size_asked_for() {
    let sandbox = Sandbox::new();
    let daemon = slow_poetry(&sandbox, &["--num-bytes", "7", "--delay", "3600"]);
    let mut client = connect(daemon.address("slow"));
    let mut part = [0; 7];
    client.read_exact(&mut part).unwrap();
    assert_eq!(part, ECSTASY[..7]);
    assert_silent(&mut client);
}

#[test]
fn slowpoetry_sends_ten_bytes_at_first_unless_told_otherwise() {
    let sandbox = Sandbox::new();
    let daemon = slow_poetry(&sandbox, &["--delay", "3600"]);
    let mut client = connect(daemon.address("slow"));
    client.read_exact(&mut [0; 10]).unwrap();
    assert_silent(&mut client);
}

#[test]
fn slowpoetry_sends_the_whole_poem_in_the_end() {
    let sandbox = Sandbox::new();
    let daemon = slow_poetry(&sandbox, &["--num-bytes", "100", "--delay", "0.001"]);
    assert_eq!(receive(&mut connect(daemon.address("slow"))), (ECSTASY.to_vec(), None));
    daemon.stop();
}

#[test]
fn the_proxy_fetches_the_poem_once() {
    let (port, fetches) = upstream();
    let sandbox = Sandbox::new();
    let here = ["--port", "0", "--iface", "127.0.0.1"];
    let daemon = serve(&sandbox, &[&["proxy", &port.to_string()], &here[..]].concat());
    for _ in 0..3 {
        assert_eq!(fetch(daemon.address("proxy")).unwrap(), ECSTASY);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    daemon.stop();
}

#[test]
fn the_proxy_fetches_again_what_is_older_than_its_ttl() {
    let (port, fetches) = upstream();
    let sandbox = Sandbox::new();
    let here = ["--port", "0", "--iface", "127.0.0.1", "--ttl", "0"];
    let daemon = serve(&sandbox, &[&["proxy", &format!("127.0.0.1:{port}")], &here[..]].concat());
    for _ in 0..3 {
        assert_eq!(fetch(daemon.address("proxy")).unwrap(), ECSTASY);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 3);
    daemon.stop();
}

#[test]
fn transform_answers_with_the_new_poem() {
    let sandbox = Sandbox::new();
    let daemon = serve(&sandbox, &["transform", "--port", "0", "--iface", "127.0.0.1"]);
    let mut client = connect(daemon.address("transform"));
    client.write_all(b"25:cummingsify.WHERE, LIKE A,").unwrap();
    assert_eq!(receive(&mut client), (b"13:where, like a,".to_vec(), None));
    daemon.stop();
}

#[test]
fn iface_is_where_a_plugin_listens() {
    let sandbox = Sandbox::new();
    let daemon = serve(&sandbox, &["transform", "--port", "0", "--iface", "127.0.0.2"]);
    assert_eq!(daemon.address("transform").ip().to_string(), "127.0.0.2");
    daemon.stop();
}

fn slow_poetry(sandbox: &Sandbox, pace: &[&str]) -> Foreground {
    let poem = ["--port", "0", "--iface", "127.0.0.1", "--poem", "poetry/ecstasy.txt"];
    serve(sandbox, &[&["slowpoetry"], &poem[..], pace].concat())
}

/// A poetry server of the test: its port, and how often it was asked.
fn upstream() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let fetches: Arc<AtomicUsize> = Arc::default();
    let counter = fetches.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            client.set_read_timeout(Some(LIMIT)).unwrap();
            client.write_all(ECSTASY).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    (port, fetches)
}

/// As a person does it.
fn kill_by_pid_file(sandbox: &Sandbox) {
    let mut kill = command("sh");
    kill.args(["-c", "kill $(cat poetryd.pid)"]).current_dir(sandbox.path(""));
    assert!(kill.status().unwrap().success());
}
