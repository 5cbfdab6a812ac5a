//! A tree that changes while it runs: a program with kinds of its own, in the foreground, under load.
//!
//! The program has to have one thread when it starts, so this test program starts itself, as `grove`.

mod failing;
mod grove;
mod stopping;
#[path = "../support/mod.rs"]
mod support;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// A test, with its name.
type Test = (&'static str, fn());

/// The list of the functions of a module, with their names.
macro_rules! tests {
    ($($module:ident::$name:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),*]
    };
}

const TESTS: &[Test] = &tests![
    failing::one_of_1000_services_fails_100_times_and_nobody_who_fetches_from_another_loses_anything,
    failing::clients_of_a_listener_that_is_restarted_again_and_again_wait,
    failing::each_failure_and_each_restart_is_a_line_of_the_log,
    failing::beyond_the_limit_the_group_is_restarted_and_beyond_its_own_the_daemon_ends,
    stopping::every_acknowledged_write_is_in_the_file_after_a_stop_under_load,
    stopping::while_a_worker_is_blocked_states_are_read_and_a_stop_is_honoured,
];

fn main() -> ExitCode {
    if std::env::var_os("GROVE").is_some() {
        return grove::main();
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let ignored = std::env::args().any(|argument| argument == "--ignored");
    let chosen =
        |name: &str| !ignored && filter.as_ref().is_none_or(|filter| name.contains(filter));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        let ok = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        *if ok { &mut passed } else { &mut failed } += 1;
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed\n");
    ExitCode::from(u8::from(failed > 0))
}
