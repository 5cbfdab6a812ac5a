//! `protocol = "forward"`: fast connections, which pass through pipes without being copied.

use crate::forward::{forward, pass, start_with_few_descriptors};
use crate::gets;
use crate::narrow::narrow_clients;
use crate::support::{Background, Foreground, Sandbox, connect, open_descriptors, through, until};
use crate::upstream::Upstream;
use std::io::{Read, Write};
use std::thread;

/// Fast connections pass through pipes, of which a process has at most 16.
#[test]
fn there_are_few_pipes_and_none_is_kept() {
    const CONNECTIONS: usize = 20;
    let upstream = Upstream::new();
    let forward = forward(upstream.address(), &[]);
    let pid = forward.daemon.pid();
    let poem = Sandbox::new().write_poem("big", 12_000_000);
    pass(&mut forward.connect(), &mut upstream.accept(), b"warm");
    forward.wait_for_connections(0);
    let before = open_descriptors(pid);
    thread::scope(|scope| {
        let mut clients = narrow_clients(scope, CONNECTIONS, forward.address, &upstream, &poem);
        for client in &mut clients {
            client.read_exact(&mut vec![0; 5_000_000]).unwrap();
        }
        let most = before + 2 * CONNECTIONS + 2 * 16;
        until("all pipes", || open_descriptors(pid) == most);
        for client in &mut clients {
            gets(client, &poem[5_000_000..]);
        }
    });
    until("no pipe", || open_descriptors(pid) == before);
    for _ in 0..CONNECTIONS {
        forward.daemon.wait_for(", and 12000000 back");
    }
}

/// As some sandboxes do.
#[test]
#[ignore = "strace"] // it refuses
fn where_the_system_refuses_to_splice_everything_is_copied() {
    let upstream = Upstream::new();
    let sandbox = Sandbox::new();
    let application = format!(
        "[services.forward]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
         protocol = \"forward\"\nto = \"{}\"\n",
        upstream.address()
    );
    sandbox.write("forward.toml", &application);
    let refuse = ["strace", "-f", "-qq", "-o", "trace", "-e", "trace=splice"];
    let refuse = [&refuse[..], &["-e", "inject=splice:error=EPERM"]].concat();
    let command = through(&refuse, &sandbox.poetryd(&["--nodaemon", "forward.toml"]));
    let daemon = Foreground::start(command).ready();
    let _traced = Background::of(&sandbox.path("poetryd.pid")); // it would outlive its tracer
    let poem = sandbox.write_poem("big", 9_000_000);
    for _ in 0..2 {
        let mut client = connect(daemon.address("forward"));
        let mut other = upstream.accept();
        thread::scope(|scope| {
            scope.spawn(|| gets(&mut client, &poem));
            other.write_all(&poem).unwrap();
            drop(other);
        });
    }
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    let refused = trace.lines().filter(|line| line.contains("(INJECTED)")).count();
    assert!(
        (1..=2).contains(&refused),
        "it is asked once, or by two threads at the same time: {trace}"
    );
}

/// Fast ones, whose pipes must not take what the others need.
#[test]
fn a_crowd_is_forwarded_whole_with_few_descriptors_however_fast() {
    let upstream = Upstream::new();
    let (_sandbox, daemon) = start_with_few_descriptors(&format!(
        "[services.forward]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
         protocol = \"forward\"\nto = \"{}\"\n",
        upstream.address()
    ));
    let poem = Sandbox::new().write_poem("big", 4_000_000);
    let clients: Vec<_> = (0..60).map(|_| connect(daemon.address("forward"))).collect();
    thread::scope(|scope| {
        for mut client in clients {
            let poem = &poem;
            scope.spawn(move || gets(&mut client, poem));
        }
        for _ in 0..60 {
            let (mut other, poem) = (upstream.accept(), &poem);
            scope.spawn(move || other.write_all(poem).unwrap());
        }
    });
}
