//! Tests in a program that starts itself, so that it is its own `main` in the processes that it tests.

use std::process::ExitCode;

/// Runs the cases one after the other and reports on them as `cargo test` does for others. `passes` says of a
/// case whether it passed, and prints what there is to say if it did not. An argument of the program's is a
/// filter, as with other tests.
pub fn run_all(names: &[&str], passes: impl Fn(&str) -> bool) -> ExitCode {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let chosen: Vec<&str> = names.iter().copied().filter(|name| name.contains(&filter)).collect();
    println!("\nrunning {} tests", chosen.len());
    let failed = chosen.iter().filter(|name| !passes_with_report(name, &passes)).count();
    let (result, passed) = (if failed == 0 { "ok" } else { "FAILED" }, chosen.len() - failed);
    let filtered = names.len() - chosen.len();
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out\n"
    );
    ExitCode::from(u8::from(failed > 0))
}

fn passes_with_report(name: &str, passes: impl Fn(&str) -> bool) -> bool {
    let passed = passes(name);
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    passed
}
