//! `poetryd check`: what would be run, and what could not be.

use super::Failure;
use super::source::FileSource;
use crate::daemon::{Options, RunError, Source};
use crate::service::{MultiService, ServicePath};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints what each service would do to standard output, and what it could not do to standard error.
pub(super) fn check(
    program: &str,
    mut source: FileSource<'_>,
    options: &Options,
) -> Result<ExitCode, Failure> {
    options.check(program).map_err(|e| Failure::Run(RunError::Options(e)))?;
    let application = source.application().map_err(|e| Failure::Run(RunError::Application(e)))?;
    let rundir = rundir_from_outside(options);
    println!("{}: application {:?}", source.origin(), application.name());
    match check_children(&application, &ServicePath::root(), &rundir) {
        0 => Ok(ExitCode::SUCCESS),
        problems => {
            let services = if problems == 1 { "service" } else { "services" };
            Err(Failure::Other(format!("{problems} {services} would not start"), 2))
        }
    }
}

/// Returns how many services would not start.
fn check_children(parent: &MultiService, path: &ServicePath, rundir: &Path) -> usize {
    let mut problems = 0;
    for (name, service) in parent.iter() {
        let path = path.child(name);
        match (service.children(), service.check(rundir)) {
            (Some(children), _) => problems += check_children(children, &path, rundir),
            (None, Ok(would)) => println!("[{path}] {would}"),
            (None, Err(e)) => {
                eprintln!("[{path}] {e}");
                problems += 1;
            }
        }
    }
    problems
}

/// The rundir as it is seen before any change of root.
pub(super) fn rundir_from_outside(options: &Options) -> PathBuf {
    let rundir = options.rundir.clone().unwrap_or_default();
    match &options.chroot {
        Some(root) => root.join(rundir.strip_prefix("/").unwrap_or(&rundir)),
        None => rundir,
    }
}
