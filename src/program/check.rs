//! `poetryd check`: what would run, and what could not.

use super::failure::{Failure, complain, say, say_bytes};
use crate::chain::chain;
use crate::config::{ConfigError, Diagnostic};
use crate::daemon::{Options, RunError, Source};
use crate::service::{Files, MultiService, Service, ServicePath};
use crate::value::escaped_json;
use serde_json::{Value as Json, json};
use std::process::ExitCode;

/// An application without mistakes, and what its services would do.
struct Report {
    application: String,
    services: Vec<Checked>,
}

/// A service that is no group: what it would do, or why it could not start.
struct Checked {
    path: ServicePath,
    would: Result<String, String>,
}

/// Prints what each service would do to standard output, and what would fail to standard error; or all of it as JSON
/// to standard output.
pub(super) fn check(
    program: &str,
    mut source: impl Source,
    options: Options,
    json: bool,
) -> Result<ExitCode, Failure> {
    let found = examine(program, &mut source, options);
    match (found, json) {
        (found, true) => say_json(&source.origin(), found),
        (Ok(report), false) => say_report(&source.origin(), report),
        (Err(failure), false) => Err(failure),
    }
}

fn examine(program: &str, source: &mut impl Source, options: Options) -> Result<Report, Failure> {
    let (application, from_file) = source.load().map_err(RunError::Application)?;
    let options = options.or(from_file);
    options.clone().check(program).map_err(RunError::Options)?;
    let mut services = Vec::new();
    examine_children(application.services(), &ServicePath::root(), &files(&options), &mut services);
    Ok(Report { application: application.name().to_owned(), services })
}

fn examine_children(
    parent: &MultiService,
    path: &ServicePath,
    files: &Files,
    found: &mut Vec<Checked>,
) {
    for name in parent.names() {
        let path = path.child(&name);
        // Nothing is running yet, so each service can be inspected.
        let look = |service: &dyn Service| (service.children().cloned(), service.check(files));
        match parent.inspect(&name, look) {
            Some((Some(children), _)) => examine_children(&children, &path, files, found),
            Some((None, would)) => {
                found.push(Checked { path, would: would.map_err(|e| chain(&*e)) });
            }
            None => {}
        }
    }
}

fn say_report(origin: &str, report: Report) -> Result<ExitCode, Failure> {
    say(&format!("{origin}: application {:?}", report.application))?;
    let mut problems = 0;
    for Checked { path, would } in report.services {
        match would {
            Ok(would) => say(&format!("[{path}] {would}"))?,
            Err(why) => {
                complain(&format!("[{path}] {why}"));
                problems += 1;
            }
        }
    }
    match problems {
        0 => Ok(ExitCode::SUCCESS),
        1 => Err(Failure::Other("1 service would not start".into(), 2)),
        problems => Err(Failure::Other(format!("{problems} services would not start"), 2)),
    }
}

/// Prints one document, with everything that the text would say.
fn say_json(origin: &str, found: Result<Report, Failure>) -> Result<ExitCode, Failure> {
    let mut document = json!({ "origin": origin, "ok": false });
    let mut status = ExitCode::SUCCESS;
    match found {
        Ok(Report { application, services }) => {
            let is_right = services.iter().all(|service| service.would.is_ok());
            if !is_right {
                status = ExitCode::from(2);
            }
            let services: Vec<Json> = services.iter().map(service_as_json).collect();
            document["ok"] = is_right.into();
            document["application"] = application.into();
            document["services"] = services.into();
        }
        Err(Failure::Config(ConfigError::Mistakes { file, mistakes })) => {
            status = ExitCode::from(2);
            let mistakes: Vec<Json> =
                mistakes.iter().map(|mistake| mistake_as_json(&file, mistake)).collect();
            document["mistakes"] = mistakes.into();
        }
        Err(failure) => {
            status = failure.exit_code();
            document["error"] = failure.message().into();
        }
    }
    say_bytes(format!("{}\n", escaped_json(&document)).as_bytes())?;
    Ok(status)
}

fn service_as_json(service: &Checked) -> Json {
    let path = service.path.as_str();
    match &service.would {
        Ok(would) => json!({ "path": path, "would": would }),
        Err(why) => json!({ "path": path, "error": why }),
    }
}

fn mistake_as_json(file: &str, mistake: &Diagnostic) -> Json {
    json!({
        "file": file,
        "line": mistake.start.line,
        "column": mistake.start.column,
        "end_line": mistake.end.line,
        "end_column": mistake.end.column,
        "start": mistake.span.start,
        "end": mistake.span.end.max(mistake.span.start),
        "message": mistake.message,
    })
}

/// The daemon's files, as seen before any change of the root directory.
pub(super) fn files(options: &Options) -> Files {
    Files::new(options.chroot.clone(), options.rundir.clone().unwrap_or_default())
}
