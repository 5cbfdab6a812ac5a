//! The control socket, and the commands that use it, with the real program.
//!
//! One test needs a service that blocks its worker. So this test program starts itself, as a daemon of its own.

#[path = "../support/blocking.rs"]
mod blocking;
#[path = "../support/functions.rs"]
mod functions;
#[path = "../support/mod.rs"]
mod support;

mod bad_clients;
mod commands;
mod follow;
mod others;
mod place;
mod stuck;

use functions::{Test, run_tests, tests};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitCode, Output};

const TESTS: &[Test] = tests![
    commands::status_shows_the_tree_and_what_each_service_does,
    commands::the_document_of_the_status_has_its_fields,
    commands::http_without_our_client_works_as_well,
    commands::a_service_is_stopped_and_started_and_restarted_and_its_clients_wait,
    commands::what_others_use_is_stopped_by_force_only,
    commands::the_level_of_the_log_changes_and_the_log_is_rotated,
    commands::a_daemon_without_pid_file_is_found_and_stopped_by_its_socket,
    commands::a_reload_that_is_a_mistake_exits_2_with_the_line,
    commands::a_reload_says_what_it_has_changed_and_a_dry_run_changes_nothing,
    commands::each_mistake_has_its_status,
    place::the_socket_has_mode_600_and_is_removed_at_the_end,
    place::a_socket_that_was_left_behind_is_replaced,
    place::one_that_is_in_use_is_not_replaced,
    place::without_a_pid_file_or_with_an_empty_name_there_is_none,
    place::a_key_of_the_file_sets_it_relative_to_the_rundir,
    place::a_daemon_that_drops_its_privileges_gives_it_to_its_user,
    place::in_a_chroot_it_is_inside,
    others::another_user_is_told_so_and_learns_only_what_the_pid_file_says,
    others::a_planted_socket_is_not_asked_anything,
    others::an_answer_without_end_or_of_nonsense_is_an_error,
    follow::on_a_terminal_it_is_drawn_anew_in_place_and_shows_rates,
    follow::ctrl_c_ends_it_with_status_0_and_the_terminal_is_as_before,
    follow::sigterm_ends_it_as_usual_and_the_terminal_is_as_before,
    follow::it_ends_even_while_the_daemon_is_stopped,
    follow::ctrl_z_shows_the_shell_and_fg_shows_it_again,
    follow::it_is_never_larger_than_the_window,
    follow::a_daemon_that_is_gone_is_waited_for,
    follow::elsewhere_tables_follow_one_another_until_nobody_reads_them,
    follow::a_terminal_without_a_cursor_gets_tables,
    follow::as_json_it_is_one_document_per_line,
    follow::a_daemon_can_not_send_anything_to_the_terminal_that_it_would_obey,
    follow::without_a_control_socket_or_a_daemon_it_says_why_it_can_not,
    bad_clients::half_a_request_and_silence_keep_nobody_from_the_status,
    bad_clients::a_megabyte_of_headers_is_refused,
    bad_clients::a_thousand_connections_use_few_descriptors,
    stuck::a_program_can_leave_it_out,
    stuck::the_status_answers_while_a_worker_is_stuck_and_changes_say_that_it_is,
];

fn main() -> ExitCode {
    if std::env::var_os("STUCK").is_some() {
        return stuck::main();
    }
    run_tests(TESTS, &[])
}

/// Sends a request as it is, and returns the whole answer.
fn http(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(support::LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer); // a reset at the end is one, too
    answer
}

fn assert_says(output: &Output, status: i32, parts: &[&str]) {
    let text = support::stdout(output) + &support::stderr(output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "no {part:?} in {text}"));
}
