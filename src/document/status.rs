//! Makes the document about the status of the daemon.

use super::{
    Count, Draining, LastReload, Refused, ReloadOutcome, Reloaded, SCHEMA, ServiceStatus, Status,
    Updated, Warning,
};
use crate::service::{
    self, Entry, Phase, Refusal, ReloadMode, Runner, RunnerReport, Sample, SampleKind, ServicePath,
    ServiceReport, State, Tree,
};
use jiff::Timestamp;
use std::time::{Duration, Instant, SystemTime};
use tracing::Level;

/// How many services are named in one line.
const MAX_NAMES: usize = 5;

/// The state of the daemon and of all its services. Never waits.
pub(crate) fn status(tree: &Tree, process: &dyn Runner) -> Status {
    let RunnerReport {
        program,
        version,
        pid,
        origin,
        started,
        phase,
        since,
        last_reload,
        workers,
        log_lines_lost,
        ..
    } = process.report();
    let ready = why_not_ready(phase, &tree.entries()).is_none();
    Status {
        schema: SCHEMA,
        program,
        version,
        pid,
        origin,
        phase: phase.as_str().into(),
        ready,
        started: time(started),
        since: time(since),
        workers,
        log_lines_lost,
        warnings: Some(process.warnings().into_iter().map(warning).collect()),
        last_reload: last_reload.map(|last| LastReload {
            ended: time(last.ended),
            outcome: match last.outcome {
                Ok(changes) => ReloadOutcome::Changes(reloaded(changes, ReloadMode::Change)),
                Err(refusal) => ReloadOutcome::Refused(refused(refusal)),
            },
        }),
        services: tree.list().into_iter().map(service_status).collect(),
        draining: tree.draining().into_iter().map(draining).collect(),
    }
}

/// Why the daemon can't be relied on now, in one line. `None`: all services have started, it is not stopping, and no
/// service has failed for good.
pub(crate) fn why_not_ready(phase: Phase, entries: &[Entry]) -> Option<String> {
    let are = |state: State| entries.iter().filter(move |entry| entry.state() == state);
    match phase {
        Phase::Starting => {
            let (count, all) = (are(State::Running).count(), entries.len());
            Some(format!("starting: {count} of {all} services are running"))
        }
        Phase::Stopping => {
            let stopping = names_of(are(State::Stopping));
            Some(
                stopping
                    .map_or("stopping".into(), |names| format!("stopping: waiting for {names}")),
            )
        }
        Phase::Running | Phase::Reloading => {
            names_of(are(State::Failed)).map(|names| format!("failed: {names}"))
        }
    }
}

/// The paths of services for people, in a list that is not long. `None`: there is none.
fn names_of<'a>(mut entries: impl Iterator<Item = &'a Entry>) -> Option<String> {
    let first = entries.by_ref().take(MAX_NAMES).map(|entry| entry.path().to_string());
    let names = first.collect::<Vec<_>>().join(", ");
    match entries.count() {
        0 => Some(names).filter(|names| !names.is_empty()),
        more => Some(format!("{names} and {more} more")),
    }
}

/// The state of one service.
pub(crate) fn service_status(report: ServiceReport) -> ServiceStatus {
    ServiceStatus {
        path: report.path.as_str().into(),
        kind: report.kind,
        is_group: report.is_group,
        state: report.state.as_str().into(),
        since: time(on_the_clock(report.since)),
        status: report.status,
        failure: report.failure,
        restarts: report.restarts,
        next_start: report.next_start.map(|at| time(on_the_clock(at))),
        counters: report.counters.into_iter().map(count).collect(),
    }
}

fn warning(warning: service::Warning) -> Warning {
    let service::Warning { time: at, level, service, message, .. } = warning;
    let level = if level == Level::ERROR { "error" } else { "warn" };
    Warning { time: time(at), level: level.into(), service, message }
}

fn draining(draining: service::Draining) -> Draining {
    let ServiceReport { path, kind, state, since, status, .. } = draining.service;
    let (path, state) = (path.as_str().into(), state.as_str().into());
    Draining { path, kind, state, since: time(on_the_clock(since)), status }
}

fn count(sample: Sample) -> Count {
    let kind = match sample.kind {
        SampleKind::Counter => "counter",
        SampleKind::Gauge => "gauge",
    };
    let labels = sample.labels.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Count { name: sample.name, kind: kind.into(), labels, value: sample.value }
}

/// What a reload has changed, or would change.
pub(crate) fn reloaded(reloaded: service::Reloaded, mode: ReloadMode) -> Reloaded {
    let service::Reloaded { tree, options, at_restart, .. } = reloaded;
    let paths = |paths: Vec<ServicePath>| paths.iter().map(|path| path.as_str().into()).collect();
    let updated =
        |(path, what): (ServicePath, String)| Updated { path: path.as_str().into(), what };
    Reloaded {
        schema: SCHEMA,
        dry_run: mode == ReloadMode::DryRun,
        kept: tree.kept,
        updated: tree.updated.into_iter().map(updated).collect(),
        replaced: paths(tree.replaced),
        added: paths(tree.added),
        removed: paths(tree.removed),
        restarted: paths(tree.restarted),
        options,
        at_restart,
    }
}

/// Why a reload has changed nothing.
pub(crate) fn refused(refusal: Refusal) -> Refused {
    let Refusal { reason, is_mistake, .. } = refusal;
    Refused { schema: SCHEMA, error: reason, is_mistake }
}

/// A moment of the monotonic clock as a time of day.
fn on_the_clock(at: Instant) -> SystemTime {
    let (now, today) = (Instant::now(), SystemTime::now());
    let ahead = at.saturating_duration_since(now);
    let time = match ahead {
        Duration::ZERO => today.checked_sub(now.saturating_duration_since(at)),
        ahead => today.checked_add(ahead),
    };
    time.unwrap_or(today)
}

/// A time as text: RFC 3339, in UTC, to the millisecond.
fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}
