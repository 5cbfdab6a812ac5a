//! Other users, and sockets that are not the daemon's.

use crate::assert_says;
use crate::support::{Foreground, Sandbox, is_root, run, stdout};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

pub fn another_user_is_told_so_and_learns_only_what_the_pid_file_says() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let status = run(sandbox.poetryd_unprivileged(&["status"]));
    assert_says(&status, 0, &["permission denied"]);
    assert_eq!(stdout(&status), format!("poetryd is running with pid {}\n", daemon.pid()));
    for args in [&["reload"][..], &["rotate"], &["service", "restart", "fast"], &["stop"]] {
        let output = run(sandbox.poetryd_unprivileged(args));
        assert_says(&output, 4, &["permission"]);
    }
    let json = run(sandbox.poetryd_unprivileged(&["status", "--json"]));
    assert_says(&json, 4, &["permission denied"]);
    daemon.stop();
}

pub fn a_planted_socket_is_not_asked_anything() {
    let sandbox = Sandbox::new();
    let args = ["--nodaemon", "--control", "", "fast.toml"];
    let _daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    let planted = UnixListener::bind(sandbox.path("poetryd.sock")).unwrap();
    let me = format!("process {} listens on", std::process::id());
    for args in [&["status"][..], &["status", "--json"], &["reload"], &["log-level", "trace"]] {
        assert_says(&sandbox.run(args), 1, &[&me, "was not asked anything"]);
        let mut received = Vec::new();
        planted.accept().unwrap().0.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"", "it was asked");
    }
}

pub fn an_answer_without_end_or_of_nonsense_is_an_error() {
    let sandbox = Sandbox::new();
    let bell = "{\"schema\":1,\"error\":\"a\\u001b]0;b\\u0007\",\"is_mistake\":false}";
    let escape = format!("HTTP/1.1 409 No\r\ncontent-length: {}\r\n\r\n{bell}", bell.len());
    for (answer, times, said) in [
        (&b"x"[..], 100_000, "head is too large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n", 1, "larger than"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", 1, "not as this version expects"),
        (b"HTTP/1.1 200 OK\r\n", 1, "closed the connection"),
        (escape.as_bytes(), 1, "a\\u{1b}]0;b\\u{7}"),
    ] {
        let socket = sandbox.path("fake.sock");
        let fake = UnixListener::bind(&socket).unwrap();
        let answer = answer.repeat(times);
        let fake = thread::spawn(move || {
            let (mut client, _) = fake.accept().unwrap();
            let mut request = [0; 1000];
            let count = client.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /status HTTP/1.1\r\n"));
            let _ = client.write_all(&answer); // it may have had enough
        });
        assert_says(&sandbox.run(&["status", "--control", "fake.sock"]), 1, &[said]);
        fake.join().unwrap();
        fs::remove_file(&socket).unwrap();
    }
}
