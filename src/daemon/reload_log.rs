//! What the log, and the service manager, are told about a reload that has ended.

use super::runner::Verdict;
use crate::service::{Refusal, ReloadMode, ReloadReport, Reloaded, ServicePath};
use tracing::{error, error_span, info, warn};

/// Logs the verdict on a reload from `origin`. Returns it in a few words.
pub(super) fn log(origin: &str, mode: ReloadMode, verdict: &Verdict) -> String {
    match (verdict, mode) {
        (Ok(reloaded), ReloadMode::Change) => {
            info!("reloaded {origin}: {}", counts(&reloaded.tree));
            log_changes(reloaded);
            format!("reloaded: {}", counts(&reloaded.tree))
        }
        (Ok(reloaded), ReloadMode::DryRun) => {
            let counts = counts(&reloaded.tree);
            info!("{origin} can be reloaded: {counts}; nothing was changed");
            format!("could be reloaded: {counts}")
        }
        (Err(refusal), _) => {
            let mut lines = refusal.reason.lines();
            let first = lines.next().unwrap_or_default();
            error!("reload failed; everything is as it was: {first}");
            lines.for_each(|line| error!("{line}"));
            failed(refusal)
        }
    }
}

/// One line for each service that has changed, and for the options.
fn log_changes(reloaded: &Reloaded) {
    let Reloaded { tree, options, at_restart } = reloaded;
    let ReloadReport { kept: _, updated, replaced, added, removed, restarted } = tree;
    for (path, what) in updated {
        of_service(path, || info!("updated the service {path}: {what}"));
    }
    let lists = [("replaced", replaced), ("added", added), ("removed", removed)];
    for (what, paths) in lists.into_iter().chain([("restarted", restarted)]) {
        for path in paths {
            of_service(path, || info!("{what} the service {path}"));
        }
    }
    if !options.is_empty() {
        info!("options in effect now: {}", options.join(", "));
    }
    if !at_restart.is_empty() {
        warn!("options that take effect at a restart: {}", at_restart.join(", "));
    }
}

/// Logs a line with the path of a service.
fn of_service(path: &ServicePath, log: impl FnOnce()) {
    error_span!("service", path = path.as_str()).in_scope(log);
}

fn counts(tree: &ReloadReport) -> String {
    let ReloadReport { kept, updated, replaced, added, removed, restarted } = tree;
    let (updated, replaced) = (updated.len(), replaced.len());
    let (added, removed) = (added.len(), removed.len());
    let restarted = match restarted.len() {
        0 => String::new(),
        restarted => format!(", {restarted} restarted"),
    };
    format!(
        "{kept} kept, {updated} updated, {replaced} replaced, {added} added, {removed} removed{restarted}"
    )
}

fn failed(refusal: &Refusal) -> String {
    let first = refusal.reason.lines().next().unwrap_or_default();
    format!("the last reload failed: {first}")
}
