//! The metrics of the process. Those that begin with `process_` have the names that Prometheus recommends to all
//! programs.

use super::families::{Families, Series, Value};
use crate::document::why_not_ready;
use crate::service::SampleKind::{self, Counter, Gauge};
use crate::service::{Entry, RunnerReport};
use nix::sys::resource::{Resource, getrlimit};
use nix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

struct Metric {
    name: &'static str,
    kind: SampleKind,
    help: &'static str,
    value: Value,
}

/// All numbers of the process. Those that /proc does not tell are left out.
pub(super) fn series(
    report: &RunnerReport,
    entries: &[Entry],
    families: &mut Families,
) -> Vec<Series> {
    let metrics = of_daemon(report, entries).into_iter().chain(of_process());
    let mut series: Vec<Series> = metrics
        .filter_map(|Metric { name, kind, help, value }| {
            let family = families.of_process(name, kind, help)?;
            Some(Series { family, labels: Vec::new(), value })
        })
        .collect();
    let help = "The program that is running, in its labels.";
    series.extend(families.of_process("poetryd_build_info", Gauge, help).map(|family| {
        let version = report.version.clone().unwrap_or_default();
        let labels = vec![("program".into(), report.program.clone()), ("version".into(), version)];
        Series { family, labels, value: Value::Whole(1) }
    }));
    series
}

fn of_daemon(report: &RunnerReport, entries: &[Entry]) -> Vec<Metric> {
    let (reloaded, successful) = match &report.last_reload {
        Some(last) => (last.ended, last.outcome.is_ok()),
        None => (report.started, true),
    };
    let is_ready = why_not_ready(report.phase, entries).is_none();
    vec![
        Metric {
            name: "poetryd_ready",
            kind: Gauge,
            help: "Whether all services have started and none has failed for good, as /readyz says.",
            value: Value::Whole(is_ready.into()),
        },
        Metric {
            name: "poetryd_log_lines_lost",
            kind: Counter,
            help: "Log lines that could not be written.",
            value: Value::Whole(report.log_lines_lost),
        },
        Metric {
            name: "poetryd_config_last_reload_successful",
            kind: Gauge,
            help: "Whether the last reload was successful; 1 if there has been none.",
            value: Value::Whole(successful.into()),
        },
        Metric {
            name: "poetryd_config_last_reload_timestamp_seconds",
            kind: Gauge,
            help: "When the last reload ended, or when the process was started.",
            value: Value::Real(timestamp(reloaded)),
        },
        Metric {
            name: "process_start_time_seconds",
            kind: Gauge,
            help: "When the process was started.",
            value: Value::Real(timestamp(report.started)),
        },
    ]
}

fn of_process() -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut add = |name, kind, help, value: Option<Value>| {
        metrics.extend(value.map(|value| Metric { name, kind, help, value }));
    };
    let cpu = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok();
    let cpu = cpu.map(|time| Value::Real(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9));
    add("process_cpu_seconds", Counter, "CPU time of all threads.", cpu);
    let [memory, resident] = memory().map_or([None, None], |both| both.map(Some));
    let whole = |number: Option<u64>| number.map(Value::Whole);
    add("process_virtual_memory_bytes", Gauge, "The size of the address space.", whole(memory));
    add("process_resident_memory_bytes", Gauge, "Memory in use.", whole(resident));
    add("process_open_fds", Gauge, "Open file descriptors.", whole(open_descriptors()));
    let limit = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(limit, _)| limit);
    add("process_max_fds", Gauge, "How many file descriptors may be open.", whole(limit));
    metrics
}

/// The size of the address space and of what of it is in memory, in bytes; see proc_pid_statm(5).
fn memory() -> Option<[u64; 2]> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').map_while(|number| number.parse::<u64>().ok());
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    let page = u64::try_from(page).ok()?;
    Some([pages.next()? * page, pages.next()? * page])
}

/// How many descriptors are open. Since Linux 6.2 that is the size of this directory; before, it has to be read.
fn open_descriptors() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

fn timestamp(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
