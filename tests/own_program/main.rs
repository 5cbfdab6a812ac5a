//! A program of somebody else's on the runner: what its services, threads and children say comes into the log.
//!
//! The program has to have one thread when it starts, so this test program starts itself: as `muse`, a daemon
//! with one service, which does what `MUSE` names.

mod errors;
mod muse;
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
    errors::a_failed_start_shows_the_whole_chain_at_the_terminal_and_in_the_log,
    errors::a_service_that_fails_later_shows_the_whole_chain,
    errors::a_stop_that_fails_shows_the_whole_chain,
    errors::an_application_that_cant_be_made_shows_the_whole_chain,
    errors::a_panic_has_its_backtrace_in_the_log_if_rust_backtrace_asks_for_it,
];

fn main() -> ExitCode {
    if std::env::var_os("MUSE").is_some() {
        return muse::main();
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let chosen = |name: &str| filter.as_ref().is_none_or(|filter| name.contains(filter));
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
