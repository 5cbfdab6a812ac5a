//! Packages of Python that tests use.

use super::command;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A Python that has this package from PyPI, in a virtual environment that is kept under target/ for the next run.
/// `$POETRYD_TEST_VENV` names another one to use instead, which has the package already.
pub fn python_with(package: &str) -> PathBuf {
    static TURN: Mutex<()> = Mutex::new(()); // two tests that make the same environment would destroy it
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(given) = env::var_os("POETRYD_TEST_VENV") {
        return Path::new(&given).join("bin/python");
    }
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{package}-venv"));
    let python = environment.join("bin/python");
    let import = format!("import {package}");
    // Missing, or left unfinished by a run that was interrupted.
    if !command(&python).args(["-c", &import]).output().is_ok_and(|o| o.status.success()) {
        finishes(command("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
        finishes(command(&python).args(install));
    }
    python
}

/// Not bounded by a deadline: pip has its own, and PyPI may be slow.
fn finishes(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{error}", output.status);
}
