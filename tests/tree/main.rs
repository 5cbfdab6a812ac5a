//! A tree that changes while it runs: a program with kinds of its own, in the foreground, under load.
//!
//! The program has to have one thread when it starts, so this test program starts itself, as `grove`.

mod failing;
#[path = "../support/functions.rs"]
mod functions;
mod grove;
mod reloading;
mod starts;
mod stopping;
#[path = "../support/mod.rs"]
mod support;

use functions::{Test, run_tests, tests};
use std::process::ExitCode;

const TESTS: &[Test] = tests![
    failing::one_of_1000_services_fails_100_times_and_nobody_who_fetches_from_another_loses_anything,
    failing::clients_of_a_listener_that_is_restarted_again_and_again_wait,
    failing::each_failure_and_each_restart_is_a_line_of_the_log,
    failing::beyond_the_limit_the_group_is_restarted_and_beyond_its_own_the_daemon_ends,
    reloading::a_store_that_is_replaced_has_every_acknowledged_write_and_refuses_nobody,
    starts::a_start_that_fails_is_undone_and_what_had_to_stop_for_it_runs_again,
    starts::a_start_that_hangs_delays_neither_clients_nor_a_stop,
    stopping::every_acknowledged_write_is_in_the_file_after_a_stop_under_load,
    stopping::while_a_worker_is_blocked_states_are_read_and_a_stop_is_honoured,
];

fn main() -> ExitCode {
    if std::env::var_os("GROVE").is_some() {
        return grove::main();
    }
    run_tests(TESTS, &[])
}
