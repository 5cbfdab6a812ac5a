//! `generate`: what is made from the descriptions of options and keys.
//!
//! This test program starts itself, too: as `band`, which has kinds and readers that poetryd does not have.

mod band;
mod examples;
#[path = "../support/functions.rs"]
mod functions;
mod manual;
mod schema;
mod shells;
#[path = "../support/mod.rs"]
mod support;

use functions::{Test, run_tests, tests};
use poetryd::config::Registry;
use poetryd::poetry;
use std::process::ExitCode;
use support::{Sandbox, stderr, stdout};

const TESTS: &[Test] = tests![
    examples::the_example_of_every_kind_and_protocol_has_no_mistakes,
    examples::without_a_kind_there_is_one_that_serves_a_poem,
    examples::a_value_in_a_comment_is_one_that_its_key_can_have,
    examples::services_share_what_they_need_where_they_can_reach_it,
    examples::a_word_that_is_no_kind_is_refused_with_those_that_are,
    examples::kinds_of_other_programs_have_examples_that_their_checkers_accept,
    manual::a_page_that_is_unknown_is_refused_with_those_that_are_known,
    manual::every_option_command_and_key_is_in_a_page,
    schema::the_schema_says_what_each_key_does,
    shells::a_command_line_goes_on_with_what_is_known,
    shells::services_are_those_of_the_daemon_or_else_of_the_file,
    shells::the_variable_means_nothing_to_a_command_line_that_no_script_has_made,
];

/// Those that need other programs, run by `--ignored`.
const IGNORED: &[Test] = tests![
    manual::mandoc_has_nothing_to_say_and_shows_what_is_there,
    schema::other_programs_have_a_schema_of_their_kinds,
    schema::what_the_checker_accepts_the_schema_accepts,
    schema::what_the_checker_accepts_in_the_tables_of_the_runner_the_schema_accepts,
    shells::bash_completes,
    shells::fish_completes,
    shells::zsh_completes,
];

fn main() -> ExitCode {
    if std::env::var_os("BAND").is_some() {
        return band::main();
    }
    run_tests(TESTS, IGNORED)
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    poetryd::web::register(&mut registry);
    registry
}

/// What poetryd prints.
fn generated(sandbox: &Sandbox, args: &[&str]) -> String {
    let output = sandbox.run(&[&["generate"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}
