//! Makes the document about the status of the daemon.

use super::{
    Count, Draining, LastReload, Refused, ReloadOutcome, Reloaded, SCHEMA, ServiceStatus, Status,
    Updated,
};
use crate::service::{
    self, Phase, Refusal, ReloadMode, Runner, RunnerReport, Sample, SampleKind, ServicePath,
    ServiceReport, State, Tree,
};
use jiff::Timestamp;
use std::time::{Duration, Instant, SystemTime};

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
        ..
    } = process.report();
    let services = tree.list();
    let failed = services.iter().any(|service| service.state == State::Failed);
    let serves = matches!(phase, Phase::Running | Phase::Reloading);
    Status {
        schema: SCHEMA,
        program,
        version,
        pid,
        origin,
        phase: phase.as_str().into(),
        ready: serves && !failed,
        started: time(started),
        since: time(since),
        workers,
        last_reload: last_reload.map(|last| LastReload {
            ended: time(last.ended),
            outcome: match last.outcome {
                Ok(changes) => ReloadOutcome::Changes(reloaded(changes, ReloadMode::Change)),
                Err(refusal) => ReloadOutcome::Refused(refused(refusal)),
            },
        }),
        services: services.into_iter().map(service_status).collect(),
        draining: tree.draining().into_iter().map(draining).collect(),
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
