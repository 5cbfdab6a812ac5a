//! The daemon: one service, which stops as an environment variable says.

use nix::sys::resource::{Resource, setrlimit};
use poetryd::daemon::Environment;
use poetryd::service::{Application, BoxError, Context, Service};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use tokio::time::Instant;

/// The variable that says how the service stops: in one of these ways, or with this error.
pub const STOP: &str = "OUTCOMES_STOP";
pub const WELL: &str = "well";
pub const BLOCK: &str = "block";
pub const FULL_LOG: &str = "full log";

struct Store(String);

#[async_trait]
impl Service for Store {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        match self.0.as_str() {
            WELL => Ok(()),
            BLOCK => loop {
                thread::sleep(Duration::from_secs(60)); // as a service must not
            },
            // The log has more than that.
            FULL_LOG => Ok(setrlimit(Resource::RLIMIT_FSIZE, 128, 128)?),
            error => Err(error.into()),
        }
    }
}

pub fn run() -> ExitCode {
    let environment = Environment::claim();
    let how = std::env::var(STOP).expect("it is set");
    let application = move || {
        let mut application = Application::new("keeper");
        application.add("store", Store(how.clone()))?;
        Ok(application)
    };
    let program = Program::new("keeper", "1.0", "Keeps things").built_in(application);
    program.run(environment, std::env::args_os())
}
