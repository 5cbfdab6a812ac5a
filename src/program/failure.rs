//! What a program prints, and the exit status of a failure.

use crate::chain::chain;
use crate::config::{ConfigError, plain};
use crate::daemon::RunError;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a program fails, and the exit status.
pub(super) enum Failure {
    Options(clap::Error),
    Config(ConfigError),
    Run(RunError),
    /// Mistakes in the application file, each with its place.
    #[cfg(feature = "control")]
    Mistakes(String),
    /// Anything else: the message, and the status.
    Other(String, u8),
}

/// How much of a line is printed, in columns. Longer than the longest file name.
const LONGEST_LINE: usize = 10_000;

/// A text as it is printed: names in it that come from outside can't send control sequences to a terminal.
fn harmless(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| plain(line, LONGEST_LINE)).collect();
    lines.join("\n")
}

/// Prints a line to standard output.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    let said = writeln!(io::stdout(), "{}", plain(line, LONGEST_LINE));
    said.map_err(|e| unwritten(&e))
}

/// Prints a text that is harmless already to standard output.
pub(super) fn say_bytes(text: &[u8]) -> Result<(), Failure> {
    io::stdout().write_all(text).map_err(|e| unwritten(&e))
}

pub(super) fn unwritten(e: &io::Error) -> Failure {
    Failure::Other(format!("can't write to standard output: {e}"), 1)
}

/// Prints a text to standard error. If that is closed, only the exit status is left.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(text));
}

impl From<clap::Error> for Failure {
    fn from(e: clap::Error) -> Self {
        Failure::Options(e)
    }
}

impl From<RunError> for Failure {
    fn from(e: RunError) -> Self {
        let RunError::Application(e) = e else { return Failure::Run(e) };
        match e.downcast::<ConfigError>() {
            Ok(config) => Failure::Config(*config),
            Err(other) => Failure::Run(RunError::Application(other)),
        }
    }
}

impl Failure {
    /// What has failed, for a command that goes on nevertheless, or says it in another form.
    pub(super) fn message(&self) -> String {
        match self {
            Failure::Options(e) => e.to_string(),
            Failure::Config(e) => chain(e),
            Failure::Run(e) => e.to_string(),
            #[cfg(feature = "control")]
            Failure::Mistakes(text) => text.clone(),
            Failure::Other(text, _) => text.clone(),
        }
    }

    /// The exit status.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Options(e) => ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2)),
            #[cfg(feature = "control")]
            Failure::Mistakes(_) => ExitCode::from(2),
            Failure::Config(_) => ExitCode::from(2),
            Failure::Run(e) => e.exit_code(),
            Failure::Other(_, status) => ExitCode::from(*status),
        }
    }

    /// Prints what has failed to standard error, and returns the exit status.
    pub(super) fn report(self, program: &str) -> ExitCode {
        let status = self.exit_code();
        match self {
            Failure::Options(e) => {
                match e.print() {
                    // Whoever reads the help through `head` has seen enough.
                    Err(cut) if !e.use_stderr() && cut.kind() != io::ErrorKind::BrokenPipe => {
                        return unwritten(&cut).report(program);
                    }
                    _ => {}
                }
            }
            // No prefix before the first FILE:LINE:COLUMN, so that editors recognize it.
            Failure::Config(e @ ConfigError::Mistakes { .. }) => {
                let _ = writeln!(io::stderr(), "{e}"); // already escaped, except for tabs
            }
            #[cfg(feature = "control")]
            Failure::Mistakes(text) => complain(&text),
            Failure::Config(e) => complain(&format!("{program}: {}", chain(&e))),
            Failure::Run(RunError::Said(_)) => {}
            Failure::Run(e) => complain(&format!("{program}: {e}")),
            Failure::Other(message, _) => complain(&format!("{program}: {message}")),
        }
        status
    }
}
