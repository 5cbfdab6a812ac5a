//! Servers behind a proxy or a forwarder that have a name with several addresses.

use crate::names::{INTERNATIONAL, NAMES, TwoAddresses, with_names};
use crate::support::{ECSTASY, Foreground, Sandbox, connect, fetch};
use std::io::Write;
use std::thread;

/// A server with each of these names, one of whose addresses may not answer, is reached through the protocol.
fn are_reached(names: &[&str], protocol: &str, key: &str) {
    let server = TwoAddresses::new();
    let (port, listener) = (server.port(), server.serving.try_clone().unwrap());
    thread::spawn(move || {
        listener.incoming().for_each(|client| client.unwrap().write_all(ECSTASY).unwrap())
    });
    for name in names {
        let sandbox = Sandbox::new();
        // With so much time, whoever waits for the silent address does so in vain.
        let application = format!(
            "[services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
             protocol = \"{protocol}\"\n{key} = \"{name}:{port}\"\nconnect-timeout = 600\n"
        );
        sandbox.write("served.toml", &application);
        let command = with_names(&sandbox, &sandbox.poetryd(&["--nodaemon", "served.toml"]));
        let daemon = Foreground::start(command).ready();
        assert_eq!(fetch(daemon.address("served")).unwrap(), ECSTASY, "{name}");
    }
}

#[test]
#[ignore = "root"]
fn a_proxy_reaches_a_server_one_of_whose_addresses_does_not_answer() {
    are_reached(&NAMES, "proxy", "upstream");
}

#[test]
#[ignore = "root"]
fn a_forwarder_reaches_a_server_one_of_whose_addresses_does_not_answer() {
    are_reached(&NAMES, "forward", "to");
}

#[test]
#[ignore = "root"]
fn a_server_whose_name_has_letters_from_beyond_ascii_is_reached() {
    are_reached(&[INTERNATIONAL], "proxy", "upstream");
    are_reached(&[INTERNATIONAL], "forward", "to");
}

#[test]
#[ignore = "root"]
fn a_forwarder_to_a_name_that_does_not_exist_says_so() {
    let sandbox = Sandbox::new();
    let application = "[services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
                       protocol = \"forward\"\nto = \"no-such.test:17\"\n";
    sandbox.write("served.toml", application);
    let command = with_names(&sandbox, &sandbox.poetryd(&["--nodaemon", "served.toml"]));
    let daemon = Foreground::start(command).ready();
    let _client = connect(daemon.address("served"));
    daemon.wait_for("can't find an address for no-such.test: no such name");
}
