//! Names with several addresses, of both families, present or not.

use crate::support::circumstances::has_ipv6;
use crate::support::network::in_network_of;
use crate::support::{ECSTASY, Foreground, Sandbox, fetch, run, stderr, through};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;

/// A directory with an application that listens on `interface`, with port 0.
fn listening_on(interface: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let application = sandbox.read("fast.toml");
    sandbox.write("fast.toml", &application.replace("\"127.0.0.1\"", &format!("\"{interface}\"")));
    sandbox
}

/// Every address that the service listens on.
fn addresses(daemon: &Foreground) -> Vec<SocketAddr> {
    let log = daemon.log();
    let listening = log.iter().filter_map(|line| line.split_once("[fast] listening on "));
    listening.map(|(_, address)| address.parse().unwrap()).collect()
}

#[test]
fn all_interfaces_are_served_over_ipv4_and_ipv6() {
    let sandbox = listening_on("*");
    let daemon = sandbox.foreground();
    let port = daemon.address("fast").port();
    assert_eq!(fetch((Ipv4Addr::LOCALHOST, port).into()).unwrap(), ECSTASY);
    if has_ipv6() {
        assert_eq!(fetch((Ipv6Addr::LOCALHOST, port).into()).unwrap(), ECSTASY);
    }
}

#[test]
fn port_0_is_one_port_for_all_addresses() {
    if !has_ipv6() {
        return;
    }
    let sandbox = listening_on("*");
    let addresses = addresses(&sandbox.foreground());
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    assert_ne!(addresses[0].is_ipv4(), addresses[1].is_ipv4());
    assert_eq!(addresses[0].port(), addresses[1].port());
}

#[test]
fn an_ipv6_address_is_served_and_logged() {
    if !has_ipv6() {
        return;
    }
    let sandbox = listening_on("::1");
    let daemon = sandbox.foreground();
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.wait_for("[fast] sending 3003 bytes of poetry to [::1]:");
}

#[test]
fn an_absent_literal_address_is_an_error() {
    // An address for documentation, which no machine has (RFC 5737).
    let sandbox = listening_on("192.0.2.1");
    let output = sandbox.run(&["--nodaemon", "fast.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("fast") && error.contains("192.0.2.1"), "{error}");
    assert!(error.contains("no network interface of this machine has that address"), "{error}");
}

/// The program in network and mount namespaces of its own: "localhost" is what `hosts` says, and the
/// loopback device has an IPv6 address only if `ipv6`.
fn in_a_namespace(sandbox: &Sandbox, hosts: &str, ipv6: bool) -> Command {
    sandbox.write("hosts", hosts);
    let disable = if ipv6 { 0 } else { 1 }; // a machine without IPv6 may not have the file
    let file = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    let script = format!(
        "mount --bind hosts /etc/hosts && \
         if [ -e {file} ]; then echo {disable} > {file}; fi && \
         ip link set lo up && exec \"$0\" \"$@\""
    );
    let program = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    through(&["unshare", "--net", "--mount", "sh", "-c", &script], &program)
}

/// Fetches from within the daemon's namespace.
fn fetch_inside(daemon: &Foreground, address: SocketAddr) -> Vec<u8> {
    in_network_of(daemon.pid(), || fetch(address).unwrap())
}

const BOTH: &str = "127.0.0.1 localhost\n::1 localhost\n";

#[test]
#[ignore = "root"]
fn every_address_of_a_name_is_served() {
    if !has_ipv6() {
        return;
    }
    let sandbox = listening_on("localhost");
    let daemon = Foreground::start(in_a_namespace(&sandbox, BOTH, true)).ready();
    let addresses = addresses(&daemon);
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    assert_ne!(addresses[0].is_ipv4(), addresses[1].is_ipv4());
    for address in addresses {
        assert_eq!(fetch_inside(&daemon, address), ECSTASY);
    }
}

#[test]
#[ignore = "root"]
fn an_absent_address_of_a_name_is_logged_and_skipped() {
    let sandbox = listening_on("localhost");
    let daemon = Foreground::start(in_a_namespace(&sandbox, BOTH, false)).ready();
    daemon.wait_for("[fast] warning: not listening on [::1]:");
    let addresses = addresses(&daemon);
    assert!(addresses.len() == 1 && addresses[0].is_ipv4(), "{addresses:?}");
    assert_eq!(fetch_inside(&daemon, addresses[0]), ECSTASY);
}

#[test]
#[ignore = "root"]
fn a_name_without_any_present_address_is_an_error() {
    let sandbox = listening_on("localhost");
    let output = run(in_a_namespace(&sandbox, "::1 localhost\n", false));
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("localhost has no address on this machine"), "{error}");
}
