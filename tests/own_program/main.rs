//! A program of somebody else's on the runner: what its services, threads and children say comes into the log.
//!
//! The program has to have one thread when it starts, so this test program starts itself: as `muse`, a daemon
//! with one service, which does what `MUSE` names.

mod commands;
mod errors;
#[path = "../support/functions.rs"]
mod functions;
mod listeners;
mod muse;
#[path = "../support/mod.rs"]
mod support;
mod words;

use functions::{Test, run_tests, tests};
use std::process::ExitCode;

const TESTS: &[Test] = tests![
    errors::a_failed_start_shows_the_whole_chain_at_the_terminal_and_in_the_log,
    errors::a_service_that_fails_later_shows_the_whole_chain,
    errors::a_stop_that_fails_shows_the_whole_chain,
    errors::an_application_that_cant_be_made_shows_the_whole_chain,
    errors::a_panic_has_its_backtrace_in_the_log_if_rust_backtrace_asks_for_it,
    listeners::a_layer_hears_all_events_and_the_log_is_as_without_it,
    listeners::a_program_with_a_subscriber_of_its_own_keeps_it,
    listeners::with_a_subscriber_of_its_own_a_program_refuses_options_about_the_log,
    listeners::a_subscriber_that_nobody_told_of_is_an_error,
    commands::the_help_of_a_program_without_plugins_has_no_list_of_them,
    commands::a_command_that_is_not_built_in_is_answered_with_the_feature_and_the_signal,
    words::an_event_while_the_application_is_made_comes_first_in_the_log,
    words::an_event_while_the_application_cant_be_made_is_at_the_terminal,
    words::records_of_the_log_crate_are_in_the_log_if_its_level_lets_them,
    words::the_panics_of_tasks_and_threads_are_in_the_log_with_their_service,
    words::what_is_printed_comes_into_the_log_line_by_line_to_the_last_without_an_end,
    words::who_keeps_standard_output_locked_does_not_keep_the_daemon_from_its_end,
    words::a_line_of_more_than_64_kib_is_split,
    words::what_a_child_writes_is_in_the_log,
    words::after_a_rotation_standard_error_is_the_new_file,
    words::of_20_aborts_every_last_word_is_in_the_log,
    words::a_child_that_keeps_standard_output_does_not_keep_the_daemon_from_its_end,
];

/// Those that need root, run by `--ignored`.
const IGNORED: &[Test] = tests![words::with_syslog_both_streams_go_to_syslog];

fn main() -> ExitCode {
    if std::env::var_os("MUSE").is_some() {
        return muse::main();
    }
    run_tests(TESTS, IGNORED)
}
