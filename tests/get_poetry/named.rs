//! Servers that have a name: which of its addresses is taken, and what is said of a name without one.

use crate::names::{INTERNATIONAL, NAMES, TwoAddresses, Unresponsive, with_names};
use crate::servers::say;
use crate::support::{Sandbox, run, stderr};
use crate::{assert_poems, assert_status, client, get};
use std::net::Ipv4Addr;
use std::process::Output;
use std::thread;

/// The client, on a machine with the names of [`with_names`].
fn get_with_names(words: &str) -> Output {
    let sandbox = Sandbox::new();
    let mut command = client(words);
    run(with_names(&sandbox, command.current_dir(sandbox.path(""))))
}

#[test]
#[ignore = "root"]
fn a_server_one_of_whose_addresses_does_not_answer_is_reached_at_the_other() {
    let server = TwoAddresses::new();
    let (port, listener) = (server.port(), server.serving.try_clone().unwrap());
    thread::spawn(move || listener.incoming().for_each(|client| say(client.unwrap(), b"poem\n")));
    for name in NAMES {
        // With so much time, whoever waits for the silent address does so in vain.
        let output = get_with_names(&format!("--timeout 600 {name}:{port}"));
        assert_poems(&output, &[b"poem\n"]);
        assert_status(&output, 0);
    }
}

#[test]
#[ignore = "root"]
fn each_address_of_a_server_that_is_not_reached_is_accounted_for() {
    let server = TwoAddresses::new();
    let port = server.port();
    let TwoAddresses { serving, silent } = server;
    drop(serving);
    for name in NAMES {
        let said = stderr(&get_with_names(&format!("--timeout 1 {name}:{port}")));
        assert!(said.contains(&format!("get-poetry: can't connect to {name}:{port}: ")), "{said}");
        assert!(said.contains(&format!("127.0.0.2:{port}: no answer")), "{said}");
        let refused = format!("127.0.0.3:{port}: Connection refused (os error 111)");
        assert!(said.contains(&refused), "{said}");
    }
    drop(silent);
}

#[test]
#[ignore = "root"]
fn a_name_that_does_not_exist_is_said_not_to_exist() {
    let output = get_with_names("--quiet no-such.test:17");
    assert_eq!(
        stderr(&output),
        "get-poetry: can't find an address for no-such.test: no such name\n"
    );
    assert_status(&output, 1);
}

#[test]
#[ignore = "root"]
fn a_name_with_letters_from_beyond_ascii_is_found_and_shown_as_it_was_typed() {
    let server = TwoAddresses::new();
    let (port, listener) = (server.port(), server.serving.try_clone().unwrap());
    thread::spawn(move || listener.incoming().for_each(|client| say(client.unwrap(), b"poem\n")));
    let output = get_with_names(&format!("{INTERNATIONAL}:{port}"));
    assert_poems(&output, &[b"poem\n"]);
    let said = stderr(&output);
    assert!(said.starts_with(&format!("{INTERNATIONAL}:{port}: 5 bytes in ")), "{said}");
}

#[test]
fn a_name_that_no_server_can_have_is_a_wrong_command_line() {
    let output = get("bü\u{2100}cher.test:17");
    assert_status(&output, 2);
    assert!(stderr(&output).contains("expected a host name"), "{}", stderr(&output));
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_timeout() {
    let silent = Unresponsive::new(Ipv4Addr::LOCALHOST);
    let output = get(&format!("--quiet --timeout 0.5 {}", silent.address()));
    let reason = format!("can't connect to {}: no answer within 0.5 seconds", silent.address());
    assert_eq!(stderr(&output), format!("get-poetry: {reason}\n"));
    assert_status(&output, 1);
}
