//! The page of a status service, in a browser. `page.mjs` has the tests.

#[path = "../support/mod.rs"]
mod support;

use std::process::Command;
use support::{Sandbox, command};

const FILES: [(&str, &str); 6] = [
    (".npmrc", include_str!(".npmrc")),
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
    ("browser.mjs", include_str!("browser.mjs")),
    ("daemon.mjs", include_str!("daemon.mjs")),
    ("page.mjs", include_str!("page.mjs")),
];

#[test]
#[ignore = "needs Chromium and npm"]
fn the_page_works_in_a_browser() {
    let sandbox = Sandbox::new();
    for (name, text) in FILES {
        sandbox.write(name, text);
    }
    run(&sandbox, command("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]));
    let mut tests = command("node");
    tests.args(["--test", "--test-reporter=spec", "--test-timeout=300000", "page.mjs"]);
    run(&sandbox, tests.env("POETRYD", env!("CARGO_BIN_EXE_poetryd")));
}

fn run(sandbox: &Sandbox, command: &mut Command) {
    let status = command.current_dir(sandbox.path("")).status();
    let status = status.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}
