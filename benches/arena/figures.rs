//! Summarizes figures and prints them.

use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

/// A summary of times in milliseconds, or of plain numbers.
pub struct Summary {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Summary {
    pub fn of(times: &[Duration]) -> Self {
        Self::of_numbers(times.iter().map(|time| time.as_secs_f64() * 1e3))
    }

    pub fn of_numbers(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Self { min: sorted[0], median, max: sorted[sorted.len() - 1] }
    }
}

pub fn row([what, who, figures @ ..]: [&str; 6]) {
    let [a, b, c, d] = figures;
    println!("  {what:<26}{who:<9}{a:>11}{b:>11}{c:>11}{d:>11}");
}

/// One line about this machine and its load.
pub fn machine() -> String {
    format!("machine: {}, load average {}", hardware(), load_average())
}

pub fn hardware() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or("unknown processor".into());
    let cores = available_parallelism().map_or(0, usize::from);
    let memory = kilobytes("/proc/meminfo", "MemTotal") / (1024 * 1024);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores, {memory} GB, Linux {}", kernel.trim())
}

/// Which congestion control new connections have, and which ones there are. It has a large influence on how
/// fast large poems are.
pub fn congestion_control() -> String {
    let setting = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{name}"));
        text.map_or("unknown".into(), |text| text.trim().to_owned())
    };
    let (now, all) = (setting("congestion_control"), setting("available_congestion_control"));
    format!("congestion control: {now} (available: {all})")
}

pub fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The value of a line `NAME: VALUE`.
pub fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The value of a line `NAME: VALUE kB`.
///
/// # Panics
/// If there is none.
pub fn kilobytes(file: &str, name: &str) -> u64 {
    let value = field(file, name).unwrap_or_else(|| panic!("no {name} in {file}"));
    value.trim_end_matches(" kB").parse().unwrap_or_else(|_| panic!("{name} in {file}: {value}"))
}
