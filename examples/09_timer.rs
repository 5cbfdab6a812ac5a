//! Something that is done at regular times: every second the machine's load goes into the log.
//!
//!     cargo run --example 09_timer -- --nodaemon

use poetryd::Program;
use poetryd::service::{Application, BoxError, Context, TimerService};
use std::process::ExitCode;
use std::time::Duration;

async fn log_load(cx: Context) -> Result<(), BoxError> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    tracing::info!(load, "the load is {load}");
    cx.status(format!("the load is {load}")); // for those who list the services
    cx.counter("measurements", "How often the load was measured.").add(1);
    Ok(())
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("load");
    application.add("load", TimerService::new(Duration::from_secs(1), log_load))?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("loadd", "1.0", "Logs the load").built_in(application).main()
}
