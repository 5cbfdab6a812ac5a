//! `kind = "status"`, with the real program and real connections.
//!
//! Some tests need services that are slow to start, fail, block their worker, or count odd things. So this test
//! program starts itself, as a daemon of its own.

#[path = "../support/blocking.rs"]
mod blocking;
#[path = "../support/functions.rs"]
mod functions;
#[path = "../support/mod.rs"]
mod support;

mod bad_clients;
mod formats;
mod health;
mod hosts;
mod http;
#[path = "../monitoring/known.rs"]
mod known;
mod metrics;
mod places;
mod program;
mod reload;
mod root;
mod text;

use functions::{Test, run_tests, tests};
use std::process::ExitCode;
use support::{Foreground, Sandbox, fast_toml};

const TESTS: &[Test] = tests![
    places::the_status_says_where_it_listens,
    places::it_answers_at_both_addresses_of_localhost,
    places::it_answers_on_a_unix_socket_whose_file_has_its_mode_and_is_removed_at_the_end,
    places::check_says_where_it_would_listen,
    places::a_port_that_is_taken_is_an_error_at_the_start,
    places::there_is_only_looking,
    places::every_answer_tells_browsers_to_keep_out,
    places::head_has_the_head_alone,
    formats::the_format_is_the_one_that_the_client_prefers,
    formats::a_body_and_pieces_and_pipelines_do_no_harm,
    metrics::they_count_exactly_what_clients_did,
    metrics::a_reset_is_counted_as_one,
    metrics::both_formats_have_the_same_numbers,
    metrics::odd_counters_of_a_program_are_valid_or_left_out_with_a_warning,
    metrics::states_and_restarts_are_those_of_the_services,
    metrics::the_process_is_described,
    metrics::there_are_those_that_the_board_and_the_alerts_use,
    health::it_is_not_ready_while_a_service_starts_and_while_one_stops,
    health::it_is_not_ready_while_a_client_is_still_served_at_a_stop,
    health::a_service_that_has_failed_for_good_is_the_reason,
    health::while_a_worker_is_stuck_health_says_so_and_the_rest_answers,
    hosts::names_of_this_machine_and_addresses_are_known_and_others_refused,
    hosts::warnings_are_for_local_clients_alone,
    reload::the_last_reload_is_in_the_metrics_and_counters_go_on,
    reload::one_that_is_replaced_refuses_nobody,
    reload::services_come_and_go_in_the_metrics,
    bad_clients::a_thousand_silent_ones_harm_nobody,
    bad_clients::a_thousand_slow_requests_harm_nobody,
    bad_clients::a_thousand_who_never_read_harm_nobody,
    bad_clients::too_long_heads_and_nonsense_are_refused,
    bad_clients::resets_within_a_large_answer_harm_nobody,
    bad_clients::two_hundred_at_once_all_have_an_answer,
];

/// Those that need root or other programs, run by `--ignored`.
const IGNORED: &[Test] = tests![
    root::promtool_has_nothing_to_say,
    root::on_a_privileged_port_it_serves_without_privileges,
    root::in_a_chroot_the_metrics_are_valid,
    root::clients_from_elsewhere_see_no_warnings,
];

fn main() -> ExitCode {
    if std::env::var_os("WEB").is_some() {
        return program::main();
    }
    run_tests(TESTS, IGNORED)
}

/// poetryd, with the application of most tests and a status service; `more` is added to its table.
fn start(sandbox: &Sandbox, more: &str) -> Foreground {
    sandbox.write("fast.toml", &(fast_toml("") + program::STATUS + more));
    sandbox.foreground()
}
