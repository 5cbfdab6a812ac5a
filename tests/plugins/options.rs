//! The values that a manifest's options have, and where they go.

use crate::support::{ECSTASY, Sandbox, connect, fetch};
use crate::{FAST, assert_is_refused, assert_silent, manifest, serve, write_manifest};
use std::fs;
use std::io::Read;
use std::net::TcpListener;

#[test]
fn a_port_an_integer_a_number_and_a_string_arrive_as_what_they_are() {
    let sandbox = Sandbox::new();
    write_slow(&sandbox);
    let free = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    let where_ = ["--port", &port, "--iface", "127.0.0.3"];
    let daemon =
        serve(&sandbox, &[&["slow", "--chunk", "7", "--pause", "3600"], &where_[..]].concat());
    assert_eq!(daemon.address("slow"), free);
    let mut client = connect(daemon.address("slow"));
    client.read_exact(&mut [0; 7]).unwrap();
    assert_silent(&mut client);
}

#[test]
fn options_that_are_not_given_have_their_defaults() {
    let sandbox = Sandbox::new();
    write_slow(&sandbox);
    let daemon = serve(&sandbox, &["slow", "--pause", "3600"]);
    let mut client = connect(daemon.address("slow"));
    client.read_exact(&mut [0; 3]).unwrap();
    assert_silent(&mut client);
}

#[test]
fn an_option_can_be_given_by_its_letter() {
    let sandbox = Sandbox::new();
    write_slow(&sandbox);
    let daemon = serve(&sandbox, &["slow", "-c", "5", "--pause=3600"]);
    let mut client = connect(daemon.address("slow"));
    client.read_exact(&mut [0; 5]).unwrap();
    assert_silent(&mut client);
}

#[test]
fn a_flag_is_false_unless_it_is_given() {
    let sandbox = sandbox_with_flag("");
    assert_eq!(served(&sandbox, &["flag"]), b"no");
    assert_eq!(served(&sandbox, &["flag", "--loud"]), b"yes");
    assert_eq!(served(&sandbox, &["flag", "--loud=false"]), b"no");
}

#[test]
fn a_flag_that_is_true_can_be_taken_back() {
    let sandbox = sandbox_with_flag("default = true\n");
    assert_eq!(served(&sandbox, &["flag"]), b"yes");
    assert_eq!(served(&sandbox, &["flag", "--loud=false"]), b"no");
}

#[test]
fn a_path_is_relative_to_where_it_was_typed_and_its_default_to_the_rundir() {
    let sandbox = Sandbox::new();
    sandbox.write("poem.txt", "typed");
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    sandbox.write("elsewhere/poem.txt", "of the rundir");
    write_manifest(
        &sandbox,
        "path.toml",
        &format!(
            "name = \"path\"\ndescription = \"A poem\"\n\
             [[options]]\nname = \"poem\"\ntype = \"path\"\ndefault = \"poem.txt\"\n\
             [services.poem]\nkind = \"poem\"\nfile = \"{{poem}}\"\n{FAST}"
        ),
    );
    let there = ["--rundir", "elsewhere", "path"];
    assert_eq!(served(&sandbox, &there), b"of the rundir");
    assert_eq!(served(&sandbox, &[&there[..], &["--poem", "poem.txt"]].concat()), b"typed");
}

#[test]
fn a_value_fills_its_place_within_a_longer_string() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/donne 1.txt", "I wonder");
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems"));
    assert_eq!(served(&sandbox, &["night", "--poet", "donne 1"]), b"I wonder");
}

#[test]
fn two_braces_stand_for_one() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/{donne}.txt", "in braces");
    let text = manifest("night", "Poems").replace("{poet}", "{{{poet}}}");
    write_manifest(&sandbox, "night.toml", &text);
    assert_eq!(served(&sandbox, &["night", "--poet", "donne"]), b"in braces");
}

#[test]
fn braces_in_a_value_are_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/{poet}.txt", "in braces");
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems"));
    assert_eq!(served(&sandbox, &["night", "--poet", "{poet}"]), b"in braces");
}

#[test]
fn a_value_may_begin_with_a_hyphen() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/-n.txt", "a hyphen");
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems"));
    assert_eq!(served(&sandbox, &["night", "--poet", "-n"]), b"a hyphen");
}

#[test]
fn an_option_without_a_default_is_required() {
    let sandbox = Sandbox::new();
    let text = manifest("night", "Poems").replace("default = \"ecstasy\"\n", "");
    write_manifest(&sandbox, "night.toml", &text);
    assert_is_refused(&sandbox, &["night"], "--poet");
    assert_eq!(served(&sandbox, &["night", "--poet", "ecstasy"]), ECSTASY);
}

#[test]
fn wrong_values_end_before_any_fork() {
    let sandbox = Sandbox::new();
    write_slow(&sandbox);
    write_manifest(&sandbox, "flag.toml", FLAG);
    for (args, part) in [
        (&["slow", "--port", "70000"][..], "70000"),
        (&["slow", "--port", "-1"], "-1"),
        (&["slow", "--port", "http"], "http"),
        (&["slow", "--chunk", "2.5"], "2.5"),
        (&["slow", "--chunk", "9223372036854775808"], "9223372036854775808"),
        (&["slow", "--pause", "soon"], "soon"),
        (&["slow", "--pause", "inf"], "inf"),
        (&["slow", "--pause", "NaN"], "NaN"),
        (&["slow", "--pause"], "--pause"),
        (&["slow", "--paus", "1"], "--pause"),
        (&["slow", "more"], "more"),
        (&["slow", "--chunk", "1", "--chunk", "2"], "--chunk"),
        (&["slow", "--nodaemon"], "--nodaemon"),
        (&["flag", "--loud=maybe"], "maybe"),
        (&["flag", "--loud", "true"], "true"),
    ] {
        assert_is_refused(&sandbox, args, part);
    }
}

#[test]
fn a_value_that_its_place_refuses_is_shown_in_the_manifest() {
    let sandbox = Sandbox::new();
    write_slow(&sandbox);
    let place = format!("{}:", sandbox.path("plugins/slow.toml").display());
    for (args, mistake) in [
        // "{chunk}" stands in line 36, after `num-bytes = `
        (["slow", "--chunk", "0"], "36:13: num-bytes: expected a whole number from 1"),
        (["slow", "--pause", "-2"], "37:9: delay: "),
        (["slow", "--iface", ""], "32:13: interface: "),
    ] {
        assert_is_refused(&sandbox, &args, &format!("{place}{mistake}"));
    }
}

#[test]
fn a_flag_is_not_a_string() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "flag.toml", &FLAG.replace("{loud}.txt", "{loud}"));
    let place = format!("{}:8:8: file: ", sandbox.path("plugins/flag.toml").display());
    assert_is_refused(&sandbox, &["flag", "--loud"], &place);
}

/// What a plugin serves as `fast`.
fn served(sandbox: &Sandbox, args: &[&str]) -> Vec<u8> {
    let daemon = serve(sandbox, args);
    let poem = fetch(daemon.address("fast")).unwrap();
    daemon.stop();
    poem
}

/// A poem that depends on a flag.
const FLAG: &str = r#"name = "flag"
description = "One poem or the other"
[[options]]
name = "loud"
type = "boolean"
[services.poem]
kind = "poem"
file = "{loud}.txt"
"#;

fn sandbox_with_flag(default: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("true.txt", "yes");
    sandbox.write("false.txt", "no");
    let typed = "type = \"boolean\"\n";
    let text = FLAG.replace(typed, &format!("{typed}{default}"));
    write_manifest(&sandbox, "flag.toml", &format!("{text}{FAST}"));
    sandbox
}

/// A manifest with an option of each of these types. Tests know its lines by number.
fn write_slow(sandbox: &Sandbox) {
    write_manifest(sandbox, "slow.toml", SLOW);
}

const SLOW: &str = r#"name = "slow"
description = "Sends a poem, a few bytes at a time"
[[options]]
name = "port"
type = "port"
default = 0

[[options]]
name = "iface"
default = "127.0.0.1"

[[options]]
name = "chunk"
short = "c"
type = "integer"
default = 3

[[options]]
name = "pause"
type = "number"
default = 0.7

[services.poem]
kind = "poem"
file = "poetry/ecstasy.txt"


[services.slow]
kind = "tcp"
protocol = "slow"
poem = "poem"
interface = "{iface}"


port = "{port}"
num-bytes = "{chunk}"
delay = "{pause}"
"#;
