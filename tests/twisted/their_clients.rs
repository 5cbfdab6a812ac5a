//! Twisted's clients with our servers.

use crate::support::{Foreground, Sandbox, run, stderr};
use crate::{input, port, served, strange_poem, twisted};
use nix::sys::signal::Signal;
use std::process::Stdio;

/// A plain client gets exactly this, and the connection ends well for it.
#[track_caller]
fn a_client_gets(poem: &[u8], daemon: &Foreground) {
    let output = run(twisted("client.py", &[&port(daemon)]));
    assert_eq!(stderr(&output), "ended with ConnectionDone\n");
    assert!(output.stdout == poem, "{} bytes", output.stdout.len());
}

#[test]
#[ignore = "python3"]
fn a_client_gets_a_poem_from_fast() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    a_client_gets(&poem, &served(&sandbox, "fast", "poem = \"ecstasy\""));
}

#[test]
#[ignore = "python3"]
fn a_client_gets_a_big_poem_from_fast() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poetry/ecstasy.txt", 4_000_000);
    a_client_gets(&poem, &served(&sandbox, "fast", "poem = \"ecstasy\""));
}

#[test]
#[ignore = "python3"]
fn a_client_gets_a_poem_from_slow() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let more = "poem = \"ecstasy\"\nnum-bytes = 100\ndelay = 0.02";
    a_client_gets(&poem, &served(&sandbox, "slow", more));
}

#[test]
#[ignore = "python3"]
fn clients_get_a_poem_from_a_proxy_when_it_is_fetched_and_when_it_is_kept() {
    let (behind, before) = (Sandbox::new(), Sandbox::new());
    let poem = strange_poem(&behind);
    let upstream = served(&behind, "fast", "poem = \"ecstasy\"");
    let proxy = served(&before, "proxy", &format!("upstream = {}", port(&upstream)));
    a_client_gets(&poem, &proxy);
    a_client_gets(&poem, &proxy);
}

#[test]
#[ignore = "python3"]
fn a_client_sees_that_a_poem_was_cut() {
    let sandbox = Sandbox::new();
    let daemon = served(&sandbox, "slow", "poem = \"ecstasy\"\nnum-bytes = 10\ndelay = 3600");
    let mut client = twisted("client.py", &[&port(&daemon)]);
    let client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    daemon.wait_for("] sending 3003 bytes of poetry to ");
    daemon.signal(Signal::SIGTERM);
    let output = client.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "ended with ConnectionLost\n");
}

#[test]
#[ignore = "python3"]
fn a_client_of_a_proxy_that_fails_gets_nothing_and_an_orderly_end() {
    let (behind, before) = (Sandbox::new(), Sandbox::new());
    let upstream = served(&behind, "fast", "poem = \"ecstasy\"");
    let proxy = served(&before, "proxy", &format!("upstream = {}", port(&upstream)));
    upstream.stop();
    a_client_gets(b"", &proxy);
}

#[test]
#[ignore = "python3"]
fn a_netstring_client_gets_the_answer_of_transform() {
    let sandbox = Sandbox::new();
    let poem = strange_poem(&sandbox);
    let daemon = served(&sandbox, "transform", "");
    let mut client = twisted("transform_client.py", &[&port(&daemon), "cummingsify"]);
    client.stdin(input(&sandbox, "poetry/ecstasy.txt"));
    let output = run(client);
    assert_eq!(stderr(&output), "answered\nended with ConnectionDone\n");
    // It isn't UTF-8, so that only the letters of ASCII change.
    assert!(output.stdout == poem.to_ascii_lowercase(), "{} bytes", output.stdout.len());
}

#[test]
#[ignore = "python3"]
fn a_netstring_client_gets_a_big_answer_of_transform() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("big.txt", 2_000_000);
    let daemon = served(&sandbox, "transform", "");
    let mut client = twisted("transform_client.py", &[&port(&daemon), "shout"]);
    client.stdin(input(&sandbox, "big.txt"));
    let output = run(client);
    assert_eq!(stderr(&output), "answered\nended with ConnectionDone\n");
    assert!(output.stdout == poem, "{} bytes", output.stdout.len());
}

#[test]
#[ignore = "python3"]
fn a_netstring_client_is_closed_in_order_when_it_asks_for_an_unknown_transform() {
    let sandbox = Sandbox::new();
    let daemon = served(&sandbox, "transform", "");
    let mut client = twisted("transform_client.py", &[&port(&daemon), "sing"]);
    client.stdin(input(&sandbox, "poetry/ecstasy.txt"));
    let output = run(client);
    assert_eq!(stderr(&output), "ended with ConnectionDone\n");
    assert_eq!(output.stdout, b"");
}
