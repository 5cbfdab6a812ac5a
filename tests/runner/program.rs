//! The daemon: its services are named in a file, and it does what it reads on standard input, on a thread that is
//! none of the services'.

use poetryd::daemon::Environment;
use poetryd::service::{Application, BoxError, Process, ReloadMode, ServiceFn, Warning};
use poetryd::{Program, tracing};
use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Once;
use std::time::Duration;
use std::{fs, io, thread};
use tokio::runtime::Handle;
use tracing::{Level, debug, info, warn};

/// The variable that makes this program the daemon.
pub const DAEMON: &str = "RUNNER_DAEMON";

/// The file with the names of the services, in the current directory.
pub const SERVICES: &str = "services";

/// What the file says instead of names where making the application panics.
pub const PANIC: &str = "panic";

pub fn run() -> ExitCode {
    let program = Program::new("asker", "1.0", "Asks the process").built_in(application);
    program.run(Environment::claim(), std::env::args_os())
}

fn application() -> Result<Application, BoxError> {
    let names = fs::read_to_string(SERVICES)?;
    assert_ne!(names, PANIC, "on purpose");
    let mut application = Application::new("asker");
    for name in names.split_whitespace() {
        application.add(
            name,
            ServiceFn::new(|cx| async move {
                static LISTENING: Once = Once::new();
                let process = cx.resource::<Process>().ok_or("no process")?;
                let runtime = Handle::current();
                LISTENING.call_once(|| drop(thread::spawn(move || listen(&process, &runtime))));
                cx.closing().await;
                Ok(())
            }),
        )?;
    }
    Ok(application)
}

/// Does what is read on standard input, and logs the answers.
fn listen(process: &Process, runtime: &Handle) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match line.as_str() {
            "report" => report(process),
            "reload" => reload(process, runtime, ReloadMode::Change),
            "dry run" => reload(process, runtime, ReloadMode::DryRun),
            "debug" => info!("answer: {:?}", process.set_log_level(Level::DEBUG).is_ok()),
            "detail" => debug!("a detail"),
            "warn" => warn!(what = "something", "on purpose"),
            "warnings" => warnings(process),
            "rotate" => info!("answer: {:?}", process.rotate().map_err(|e| e.to_string())),
            "stop" => process.stop(Some(Duration::from_secs(1))),
            other => info!("answer: what is {other:?}?"),
        }
    }
}

fn report(process: &Process) {
    let report = process.report();
    let last = match report.last_reload.map(|last| last.outcome) {
        None => "none".to_owned(),
        Some(Ok(reloaded)) => format!("{} added", reloaded.tree.added.len()),
        Some(Err(refusal)) => refusal.reason,
    };
    let (program, version, pid) = (report.program, report.version.unwrap_or_default(), report.pid);
    let (phase, workers) = (report.phase.as_str(), report.workers);
    info!(
        "answer: {program} {version} {pid} is {phase} with {workers} workers; last reload: {last}"
    );
}

fn warnings(process: &Process) {
    let lost = process.report().log_lines_lost;
    let warning = |w: &Warning| format!("{} {} {}", w.level, w.service, w.message);
    let warnings: Vec<String> = process.warnings().iter().map(warning).collect();
    info!("answer: {lost} lost; {}", warnings.join(", "));
}

fn reload(process: &Process, runtime: &Handle, mode: ReloadMode) {
    match runtime.block_on(process.reload(mode)) {
        Ok(reloaded) => info!("answer: {} services are new", reloaded.tree.added.len()),
        Err(refusal) => info!("answer: refused, mistake {}: {refusal}", refusal.is_mistake),
    }
}
