//! get-poetry: fetches poems from many servers at the same time.

mod command_line;
mod deadline;
mod files;
mod options;
mod output;
mod progress;
mod request;
mod standard_output;
mod waiting;

use anyhow::Context;
use clap::Parser;
use command_line::CommandLine;
use output::{NOT_WRITTEN, Output};
use poetryd::poetry::fetch::Client;
use progress::Progress;
use request::{Failure, Outcome, Request};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use waiting::{End, Enough};

fn main() -> ExitCode {
    let asked = match CommandLine::try_parse() {
        Ok(asked) => asked,
        Err(other) => return help_or_mistake(&other),
    };
    let progress = Progress::new(asked.quiet);
    match get_poetry(&asked, &progress) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            progress.complain(&format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints help or the version to standard output, or what is wrong with the command line to standard error.
fn help_or_mistake(text: &clap::Error) -> ExitCode {
    let written = match text.use_stderr() {
        true => text.print().or(Ok(())), // the status tells it as well
        false if io::stdout().is_terminal() => text.print(), // in colour
        false => standard_output::open().and_then(|mut out| write!(out, "{}", text.render())),
    };
    match written {
        Ok(()) => ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(2)),
        Err(e) => {
            let _ = writeln!(io::stderr(), "get-poetry: {NOT_WRITTEN}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches and prints what was asked for. Returns whether every poem arrived that was needed.
fn get_poetry(asked: &CommandLine, progress: &Progress) -> anyhow::Result<bool> {
    let mut output = Output::new(asked, progress.shares_terminal())?;
    let client = Client::new(asked.limits());
    let requests = asked.addresses.iter().map(|address| Request {
        address,
        transformer: asked.transformer(),
        client: &client,
        retries: asked.retries,
        line: progress.line(address),
    });
    let mut missing = Vec::new();
    let deliver = |outcome: Outcome| -> io::Result<bool> {
        let outcome = progress.aside(|| output.deliver(outcome))?;
        let failure = outcome.poem.err();
        if let Some(failure @ Failure::Save { .. }) = &failure {
            progress.complain(&failure.to_string());
        }
        let came = failure.is_none();
        missing.extend(failure);
        Ok(came)
    };

    let terms = asked.terms();
    asked.max_time.map_or(Ok(()), deadline::enforce)?;
    let end = block_on(waiting::wait(requests, &terms, deliver), progress)?.context(NOT_WRITTEN)?;
    if let (End::OutOfTime, Some(max_time)) = (end, asked.max_time) {
        progress.complain(&deadline::message(max_time));
    }
    let total = asked.addresses.len();
    let all_right = match terms.enough {
        Enough::FirstPoem => missing.len() < total,
        Enough::All | Enough::FirstFailure => missing.is_empty(),
    };
    if !all_right && total > 1 {
        let reasons: String = missing.iter().map(|failure| format!("\n  {failure}")).collect();
        progress.complain(&format!(
            "{} of {total} poems could not be fetched:{reasons}",
            missing.len()
        ));
    }
    Ok(all_right)
}

/// Waits for something while the progress lines are updated.
fn block_on<T>(waiting: impl Future<Output = T>, progress: &Progress) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        tokio::select! {
            waited = waiting => waited,
            never = progress.animate() => match never {},
        }
    }))
}
