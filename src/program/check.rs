//! `poetryd check`: what would run, and what could not.

use super::failure::{Failure, complain, say};
use crate::chain::chain;
use crate::daemon::{Options, RunError, Source};
use crate::service::{Files, MultiService, Service, ServicePath};
use std::process::ExitCode;

/// Prints what each service would do to standard output, and what would fail to standard error.
pub(super) fn check(
    program: &str,
    mut source: impl Source,
    options: Options,
) -> Result<ExitCode, Failure> {
    let (application, from_file) = source.load().map_err(RunError::Application)?;
    let options = options.or(from_file);
    options.clone().check(program).map_err(RunError::Options)?;
    say(&format!("{}: application {:?}", source.origin(), application.name()))?;
    match check_children(application.services(), &ServicePath::root(), &files(&options))? {
        0 => Ok(ExitCode::SUCCESS),
        1 => Err(Failure::Other("1 service would not start".into(), 2)),
        problems => Err(Failure::Other(format!("{problems} services would not start"), 2)),
    }
}

/// Returns how many services would not start.
fn check_children(
    parent: &MultiService,
    path: &ServicePath,
    files: &Files,
) -> Result<usize, Failure> {
    let mut problems = 0;
    for name in parent.names() {
        let path = path.child(&name);
        // Nothing is running yet, so each service can be inspected.
        let look = |service: &dyn Service| (service.children().cloned(), service.check(files));
        match parent.inspect(&name, look) {
            Some((Some(children), _)) => problems += check_children(&children, &path, files)?,
            Some((None, Ok(would))) => say(&format!("[{path}] {would}"))?,
            Some((None, Err(e))) => {
                complain(&format!("[{path}] {}", chain(&*e)));
                problems += 1;
            }
            None => {}
        }
    }
    Ok(problems)
}

/// The daemon's files, as seen before any change of the root directory.
pub(super) fn files(options: &Options) -> Files {
    Files::new(options.chroot.clone(), options.rundir.clone().unwrap_or_default())
}
