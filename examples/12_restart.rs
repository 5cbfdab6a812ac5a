//! What happens when a service fails: it is started again, after 0.1 s, then 0.2 s, and so on up to 5 s. This one
//! fails until there is a file `job.txt`. The other services go on meanwhile.
//!
//!     cargo run --example 12_restart -- --nodaemon
//!     echo 'mend the roof' > job.txt

use poetryd::Program;
use poetryd::service::{Application, BoxError, Context, Managed, Restart, ServiceFn};
use std::process::ExitCode;
use std::time::Duration;

async fn work(cx: Context) -> Result<(), BoxError> {
    let job = std::fs::read_to_string("job.txt").map_err(|e| format!("no job.txt: {e}"))?;
    tracing::info!("the job is to {}", job.trim());
    cx.closing().await;
    Ok(())
}

fn application() -> Result<Application, BoxError> {
    let mut restart = Restart::on_failure();
    restart.max_delay = Duration::from_secs(5);
    let mut application = Application::new("worker");
    application.add("worker", Managed::new(ServiceFn::new(work)).restart(restart))?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("workerd", "1.0", "Does its job").built_in(application).main()
}
