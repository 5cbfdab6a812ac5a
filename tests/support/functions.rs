//! Tests that are functions of a program that starts itself.

#[path = "cases.rs"]
mod cases;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// A test, with its name.
pub type Test = (&'static str, fn());

/// The list of functions, with their names.
macro_rules! tests {
    ($($test:path),* $(,)?) => { &[$((stringify!($test), $test as fn())),*] };
}
pub(crate) use tests;

/// Runs the tests; with `--ignored`, those that need root or other programs instead.
pub fn run_tests(tests: &[Test], ignored: &[Test]) -> ExitCode {
    let only_ignored = std::env::args().any(|argument| argument == "--ignored");
    let tests = if only_ignored { ignored } else { tests };
    let names: Vec<&str> = tests.iter().map(|(name, _)| *name).collect();
    cases::run_all(&names, |name| {
        let test = tests.iter().find(|test| test.0 == name).expect("it is one of them").1;
        catch_unwind(test).is_ok()
    })
}
