//! `check`, `status` and `stop`, followed by a plugin and its options.

use crate::support::{Background, Sandbox, run, stderr, stdout};
use crate::{assert_is_refused, manifest, said, with_manifests, write_manifest};

#[test]
fn check_says_what_a_plugin_would_run() {
    let sandbox = Sandbox::new();
    let args = ["check", "fastpoetry", "--port", "10001", "--iface", "127.0.0.1"];
    let expected = "plugin fastpoetry: application \"fastpoetry\"\n\
                    [poem] would load the built-in poem (3003 bytes)\n\
                    [fast] would listen on 127.0.0.1:10001\n";
    assert_eq!(said(with_manifests(&sandbox, &args)), expected);
    assert_eq!(sandbox.files(), ["fast.toml", "poetry"], "something was left behind");
}

#[test]
fn check_says_what_a_manifest_would_run_with_these_options() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems"));
    let right = said(with_manifests(&sandbox, &["check", "night"]));
    assert!(right.contains("[poem] would load a poem from poetry/ecstasy.txt"), "{right}");
    let output = run(with_manifests(&sandbox, &["check", "night", "--poet", "nobody"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("poetry/nobody.txt: No such file"), "{}", stderr(&output));
}

#[test]
fn check_refuses_what_running_refuses() {
    let sandbox = Sandbox::new();
    for (args, part) in [
        (&["check", "fastpoetry", "--port", "70000"][..], "70000"),
        (&["check", "portforward"], "--to"),
        (&["check", "fastpoetry", "--port", "7", "--poem2", "a", "--port2", "7"], "--port2"),
        (&["--uid", "nobodyy", "check", "fastpoetry"], "nobodyy"),
        (
            &["check", "fastpotry"],
            "\"fastpotry\" is neither a plugin nor an application file; did you mean \"fastpoetry\"?",
        ),
    ] {
        assert_is_refused(&sandbox, args, part);
    }
}

#[test]
fn status_and_stop_find_the_daemon_of_a_plugin() {
    let sandbox = Sandbox::new();
    let options = ["--port", "0", "--iface", "127.0.0.1"];
    let plugin = [&["--pidfile", "own.pid", "fastpoetry"], &options[..]].concat();
    let output = run(with_manifests(&sandbox, &plugin));
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("own.pid"));
    let output = sandbox.run(&["--pidfile", "own.pid", "status", "fastpoetry"]);
    assert!(stdout(&output).contains(&format!(" is running with pid {}", daemon.pid)));
    let stop = [&["--pidfile", "own.pid", "stop", "fastpoetry"], &options[..]].concat();
    let output = sandbox.run(&stop);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!daemon.is_running());
}

#[test]
fn a_stop_needs_no_options_of_the_plugin_but_refuses_wrong_ones() {
    let sandbox = Sandbox::new();
    for args in [&["stop", "portforward"][..], &["status", "proxy"]] {
        assert_eq!(sandbox.run(args).status.code(), Some(3), "{args:?}");
    }
    assert_is_refused(&sandbox, &["stop", "fastpoetry", "--no-such-option"], "--no-such-option");
}
