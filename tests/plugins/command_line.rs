//! Which options are whose, what the help says, and what is refused.

use crate::support::{Sandbox, fetch};
use crate::{assert_is_refused, manifest, said, serve, with_manifests, write_manifest};
use std::collections::BTreeSet;
use std::fs;

/// Each plugin with its own options.
const PLUGINS: [(&str, &[&str]); 5] = [
    ("fastpoetry", &["port", "iface", "poem", "poem2", "port2"]),
    ("slowpoetry", &["port", "iface", "poem", "delay", "num-bytes"]),
    ("proxy", &["port", "iface", "ttl"]),
    ("transform", &["port", "iface"]),
    ("portforward", &["port", "iface", "to"]),
];

#[test]
fn help_lists_every_plugin_with_its_description() {
    let sandbox = Sandbox::new();
    let help = said(with_manifests(&sandbox, &["--help"]));
    let plugins = poetryd::poetry::plugins();
    for (name, _) in PLUGINS {
        let (_, description) = plugins.list().find(|(other, _)| *other == name).unwrap();
        let is_it = |line: &str| {
            let line = line.trim_start().strip_prefix(name);
            line.is_some_and(|rest| rest.starts_with(' ') && rest.trim() == description)
        };
        assert!(help.lines().any(is_it), "no {name} in {help}");
    }
    assert_eq!(plugins.list().count(), PLUGINS.len());
}

#[test]
fn help_lists_no_options_of_plugins() {
    let sandbox = Sandbox::new();
    let options = options_in(&said(with_manifests(&sandbox, &["--help"])));
    for option in PLUGINS.iter().flat_map(|(_, options)| *options) {
        assert!(!options.contains(*option), "--{option}");
    }
    assert!(options.contains("nodaemon"));
}

#[test]
fn the_help_of_a_plugin_has_its_description_and_its_options_only() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let plugins = poetryd::poetry::plugins();
    for (name, options) in PLUGINS {
        let help = said(with_manifests(&sandbox, &[name, "--help"]));
        let own: BTreeSet<String> =
            options.iter().chain(&["help"]).map(|option| option.to_string()).collect();
        assert_eq!(options_in(&help), own, "{help}");
        for (other, description) in plugins.list() {
            assert_eq!(help.contains(description), other == name, "{other} in {help}");
        }
    }
    assert_eq!(sandbox.files(), before);
}

#[test]
fn options_before_the_name_are_the_runners() {
    let sandbox = Sandbox::new();
    let daemon = serve(&sandbox, &["--pidfile", "own.pid", "fastpoetry", "--port", "0"]);
    assert!(sandbox.path("own.pid").exists());
    daemon.stop();
    assert_is_refused(&sandbox, &["--port", "0", "fastpoetry"], "--port");
}

#[test]
fn options_after_the_name_are_the_plugins() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    // Its own --rundir, -d, is none of the runner's business.
    let text = manifest("night", "Poems").replace("\"poet\"", "\"rundir\"\nshort = \"d\"");
    write_manifest(&sandbox, "night.toml", &text.replace("{poet}", "{rundir}"));
    sandbox.write_poem("poetry/elsewhere.txt", 100);
    for args in [["night", "--rundir", "elsewhere"], ["night", "-d", "elsewhere"]] {
        let daemon = serve(&sandbox, &args);
        assert!(sandbox.path("poetryd.pid").exists());
        assert_eq!(fetch(daemon.address("fast")).unwrap().len(), 100);
        daemon.stop();
    }
}

#[test]
fn options_of_the_runner_are_refused_after_the_name() {
    let sandbox = Sandbox::new();
    assert_is_refused(&sandbox, &["fastpoetry", "--nodaemon"], "--nodaemon");
    assert_is_refused(&sandbox, &["fastpoetry", "--port", "0", "-n"], "-n");
}

#[test]
fn an_option_in_the_wrong_place_is_answered_with_its_right_one() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems"));
    for (args, expected) in [
        (
            &["fastpoetry", "--nodaemon"][..],
            "--nodaemon is an option of poetryd and goes before fastpoetry: poetryd --nodaemon fastpoetry",
        ),
        (
            &["night", "--pidfile=x"],
            "--pidfile is an option of poetryd and goes before night: poetryd --pidfile FILE night",
        ),
        (
            &["stop", "fastpoetry", "--now"],
            "--now is an option of poetryd and goes before fastpoetry: poetryd stop --now fastpoetry",
        ),
        (
            &["check", "fastpoetry", "-n"],
            "-n is an option of poetryd and goes before fastpoetry: poetryd check -n fastpoetry",
        ),
        (
            &["--poem", "x", "fastpoetry"],
            "--poem is an option of the plugin fastpoetry and goes after its name: poetryd fastpoetry --poem FILE",
        ),
        (
            &["-p", "1", "fastpoetry"],
            "-p is an option of the plugin fastpoetry and goes after its name: poetryd fastpoetry -p PORT",
        ),
        (
            &["--poet", "x", "night"],
            "--poet is an option of the plugin night and goes after its name: poetryd night --poet TEXT",
        ),
    ] {
        assert_is_refused(&sandbox, args, &format!("poetryd: {expected}\n"));
    }
}

#[test]
fn wrong_options_end_before_any_fork() {
    let sandbox = Sandbox::new();
    for (args, part) in [
        (&["fastpoetry", "--no-such-option"][..], "--no-such-option"),
        (&["fastpoetry", "--port", "70000"], "70000"),
        (&["fastpoetry", "--port"], "--port"),
        (&["fastpoetry", "--port", "0", "fast.toml"], "fast.toml"),
        (&["fastpoetry", "--port", "0", "--poem2", "poetry/ecstasy.txt"], "--port2"),
        (&["fastpoetry", "--port", "0", "--port2", "10001"], "--poem2"),
        (&["fastpoetry", "--port", "7", "--poem2", "a", "--port2", "7"], "--port2"),
        (&["fastpoetry", "--iface", "300.1.1.1", "--port", "0"], "300.1.1.1"),
        (&["slowpoetry", "--delay", "soon"], "soon"),
        (&["slowpoetry", "--delay=-1"], "-1"),
        (&["slowpoetry", "--num-bytes", "0"], "0"),
        (&["slowpoetry", "--num-bytes", "2.5"], "2.5"),
        (&["proxy"], "[HOST:]PORT"),
        (&["proxy", "somewhere"], "somewhere"),
        (&["proxy", "0"], "[HOST:]PORT"),
        (&["proxy", "10001", "--ttl", "never"], "never"),
        (&["transform", "--poem", "poetry/ecstasy.txt"], "--poem"),
        (&["portforward", "--port", "0"], "--to"),
        (&["portforward", "--to", "nowhere"], "nowhere"),
        (&["portforward", "--port", "10005", "--to", "localhost:10005"], "this plugin itself"),
        (&["proxy", "10005", "--port", "10005", "--iface", "*"], "this plugin itself"),
    ] {
        assert_is_refused(&sandbox, args, part);
        assert_is_refused(&sandbox, &[&["--nodaemon"], args].concat(), part);
    }
}

#[test]
fn a_word_that_is_nothing_is_answered_with_both_readings_and_the_nearest_plugin() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "night.toml", &manifest("nightingale", "Poems"));
    for (word, nearest) in
        [("fastpotry", "fastpoetry"), ("nightingal", "nightingale"), ("transfrom", "transform")]
    {
        let said = format!("\"{word}\" is neither a plugin nor an application file");
        assert_is_refused(&sandbox, &[word], &said);
        assert_is_refused(&sandbox, &[word], &format!("did you mean \"{nearest}\"?"));
    }
}

/// The long options that a help describes.
fn options_in(help: &str) -> BTreeSet<String> {
    let described = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = described.filter_map(|line| line.split_once("--")?.1.split([' ', ',']).next());
    long.map(str::to_owned).collect()
}
