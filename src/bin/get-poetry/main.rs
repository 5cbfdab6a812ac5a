//! get-poetry: gets poems from many servers at once.

mod command_line;
mod files;
mod output;
mod progress;
mod request;
mod waiting;

use anyhow::Context;
use clap::Parser;
use command_line::CommandLine;
use output::Output;
use poetryd::poetry::fetch::Client;
use progress::Progress;
use request::{Failure, Outcome, Request};
use std::io;
use std::process::ExitCode;
use waiting::Enough;

fn main() -> ExitCode {
    let asked = match CommandLine::try_parse() {
        Ok(asked) => asked,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let progress = Progress::new(asked.quiet);
    match get_poetry(&asked, &progress) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) if nobody_reads_on(&e) => ExitCode::FAILURE,
        Err(e) => {
            progress.complain(&format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Gets and prints what is asked for. Returns whether every poem came that is needed.
fn get_poetry(asked: &CommandLine, progress: &Progress) -> anyhow::Result<bool> {
    let mut output = Output::new(asked, progress.shares_terminal())?;
    let client = Client::new(asked.patience());
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

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let waited = runtime.block_on(async {
        let waiting = waiting::wait(requests, asked.enough(), asked.unordered, deliver);
        tokio::select! {
            waited = waiting => waited,
            never = progress.animate() => match never {},
        }
    });
    // A look-up of a name may still be under way; nobody waits for its answer.
    runtime.shutdown_background();
    waited.context("can't write to standard output")?;

    let total = asked.addresses.len();
    let all_right = match asked.enough() {
        Enough::FirstPoem => missing.len() < total,
        Enough::All | Enough::FirstFailure => missing.is_empty(),
    };
    if !all_right && total > 1 {
        let reasons: String = missing.iter().map(|failure| format!("\n  {failure}")).collect();
        progress.complain(&format!("{} of {total} poems did not come:{reasons}", missing.len()));
    }
    Ok(all_right)
}

/// Whether the reader of standard output has gone away, as `head` does: nothing to complain of.
fn nobody_reads_on(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
