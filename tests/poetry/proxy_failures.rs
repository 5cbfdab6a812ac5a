//! A proxy whose upstream server fails, in every way there is.

use crate::names::Unresponsive;
use crate::proxy::{fetching, proxy};
use crate::support::ECSTASY;
use crate::upstream::{Down, Upstream, reset};
use crate::{Served, gets};
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream};

/// The client is closed without a byte, and the log says why.
fn fails(proxy: &Served, mut client: TcpStream, why: &str) {
    gets(&mut client, b"");
    let line = proxy.daemon.wait_for("can't fetch the poem: ");
    assert!(line.contains("[served] warning: ") && line.contains(why), "{line}");
}

/// The next client makes the upstream server be asked again, and gets the poem.
fn is_well_again(proxy: &Served, upstream: &Upstream) {
    let mut client = proxy.connect();
    upstream.serve(ECSTASY);
    gets(&mut client, ECSTASY);
}

/// An upstream server that does this to the first connection, and serves the second well.
fn once(more: &str, misbehave: impl FnOnce(TcpStream) -> Option<TcpStream>, why: &str) {
    let upstream = Upstream::new();
    let (proxy, client, connection) = fetching(&upstream, more);
    let still_open = misbehave(connection);
    fails(&proxy, client, why);
    drop(still_open);
    is_well_again(&proxy, &upstream);
    assert_eq!(proxy.count("can't fetch the poem: "), 1);
}

#[test]
fn an_upstream_server_that_is_down_is_tried_again_for_the_next_client() {
    let down = Down::new();
    let proxy = proxy(down.address(), "");
    let client = proxy.connect();
    fails(&proxy, client, &format!("can't connect to {}", down.address()));
    is_well_again(&proxy, &down.listen(128));
}

#[test]
fn an_upstream_server_that_does_not_answer_is_given_up_after_the_connect_timeout() {
    let upstream = Unresponsive::new(Ipv4Addr::LOCALHOST);
    let proxy = proxy(upstream.address(), "connect-timeout = 0.5");
    let client = proxy.connect();
    fails(&proxy, client, "no answer within 0.5 seconds");
    let upstream = Upstream::of(upstream.answer());
    while upstream.try_accept().is_some() {} // those who filled the queue
    is_well_again(&proxy, &upstream);
}

#[test]
fn an_upstream_server_that_says_nothing_is_given_up_after_the_silence_timeout() {
    once("silence-timeout = 0.5", Some, "sent nothing for 0.5 seconds, after 0 bytes");
}

#[test]
fn an_upstream_server_that_falls_silent_in_mid_poem_is_given_up_after_the_silence_timeout() {
    let begin = |mut connection: TcpStream| {
        connection.write_all(&ECSTASY[..1000]).unwrap();
        Some(connection)
    };
    once("silence-timeout = 0.5", begin, "sent nothing for 0.5 seconds, after 1000 bytes");
}

#[test]
fn an_upstream_server_that_resets_at_once_is_tried_again_for_the_next_client() {
    let reset = |connection| {
        reset(connection);
        None
    };
    once("", reset, "Connection reset by peer"); // seen while it connects, or later
}

#[test]
fn a_poem_cut_short_by_a_reset_is_neither_passed_on_nor_kept() {
    let upstream = Upstream::new();
    let (proxy, client, mut connection) = fetching(&upstream, "");
    connection.write_all(&ECSTASY[..1000]).unwrap();
    reset(connection);
    fails(&proxy, client, "Connection reset by peer"); // seen while it connects, or later
    is_well_again(&proxy, &upstream);
}

#[test]
fn a_proxy_of_a_proxy_does_not_pass_on_a_cut_poem_either() {
    let upstream = Upstream::new();
    let inner = proxy(upstream.address(), "");
    let outer = proxy(inner.address, "");
    let client = outer.connect();
    let mut connection = upstream.accept();
    connection.write_all(&ECSTASY[..1000]).unwrap();
    reset(connection);
    fails(&outer, client, &format!("{} sent nothing", inner.address));
    is_well_again(&outer, &upstream);
}

#[test]
fn an_upstream_server_that_closes_without_a_byte_is_tried_again_for_the_next_client() {
    let close = |connection: TcpStream| {
        connection.shutdown(Shutdown::Both).unwrap();
        None
    };
    once("", close, "sent nothing");
}

#[test]
fn a_poem_longer_than_max_length_is_given_up() {
    let say_too_much = |mut connection: TcpStream| {
        connection.write_all(&[b'x'; 10_001]).unwrap();
        Some(connection)
    };
    once("max-length = 10000", say_too_much, "sends more than 10000 bytes");
}

#[test]
fn an_upstream_server_that_never_stops_talking_is_closed_at_max_length() {
    let upstream = Upstream::new();
    let (proxy, client, mut connection) = fetching(&upstream, "max-length = \"1MB\"");
    // It ends only because the proxy hangs up.
    while connection.write_all(&[b'x'; 10_000]).is_ok() {}
    fails(&proxy, client, "sends more than 1000000 bytes");
}

#[test]
fn a_poem_of_max_length_is_not_too_long() {
    let upstream = Upstream::new();
    let (_proxy, mut client, mut connection) = fetching(&upstream, "max-length = 3003");
    connection.write_all(ECSTASY).unwrap();
    drop(connection);
    gets(&mut client, ECSTASY);
}

#[test]
fn all_who_waited_for_a_poem_that_failed_are_closed_without_a_byte() {
    let upstream = Upstream::new();
    let (proxy, first, mut connection) = fetching(&upstream, "");
    let others = proxy.clients_heard(50);
    connection.write_all(&ECSTASY[..1000]).unwrap();
    reset(connection);
    for mut client in others {
        gets(&mut client, b"");
    }
    fails(&proxy, first, "cut the poem after ");
    assert!(upstream.try_accept().is_none());
    assert_eq!(proxy.count("can't fetch the poem: "), 1);
}

#[test]
fn a_server_that_fails_again_and_again_is_logged_each_time() {
    let upstream = Upstream::new();
    let proxy = proxy(upstream.address(), "");
    for _ in 0..5 {
        let mut client = proxy.connect();
        reset(upstream.accept());
        gets(&mut client, b"");
    }
    assert_eq!(proxy.count("can't fetch the poem: "), 5);
}
