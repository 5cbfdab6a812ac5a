//! Servers behind a proxy or a forwarder that have a name with several addresses.

use crate::names::{NAMES, TwoAddresses, with_names};
use crate::support::{ECSTASY, Foreground, Sandbox, connect, fetch};
use std::io::Write;
use std::thread;

/// Both of [`NAMES`], one of whose addresses does not answer, are reached through the protocol.
fn is_reached_at_the_other_address(protocol: &str, key: &str) {
    let server = TwoAddresses::new();
    let (port, listener) = (server.port(), server.serving.try_clone().unwrap());
    thread::spawn(move || {
        listener.incoming().for_each(|client| client.unwrap().write_all(ECSTASY).unwrap())
    });
    for name in NAMES {
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
    is_reached_at_the_other_address("proxy", "upstream");
}

#[test]
#[ignore = "root"]
fn a_forwarder_reaches_a_server_one_of_whose_addresses_does_not_answer() {
    is_reached_at_the_other_address("forward", "to");
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
