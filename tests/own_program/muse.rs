//! The program, and what it can be asked to do.

use anyhow::{Context as _, anyhow};
use poetryd::daemon::Environment;
use poetryd::service::{Application, BoxError, Context, PrivilegedContext, Service};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use tokio::time::Instant;

/// What the program is asked for.
fn asked() -> String {
    std::env::var("MUSE").unwrap_or_default()
}

fn is_asked(what: &str) -> bool {
    asked() == what
}

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let program = Program::new("muse", "1.2.3", "Says what it is asked to say");
    program.built_in(application).run(environment, std::env::args_os())
}

/// An error with two causes.
fn trouble() -> BoxError {
    let trouble = anyhow!("the ink is dry").context("can't write a line");
    Err::<(), _>(trouble).context("no poem today").unwrap_err().into()
}

fn application() -> Result<Application, BoxError> {
    if is_asked("fail to make") {
        return Err(trouble());
    }
    let mut application = Application::new("muse");
    application.add("clio", Clio)?;
    Ok(application)
}

struct Clio;

#[async_trait]
impl Service for Clio {
    fn privileged_start(&mut self, _: &PrivilegedContext) -> Result<(), BoxError> {
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        match &*asked() {
            "fail to start" => return Err(trouble()),
            "fail" => drop(cx.spawn(async { Err(trouble()) })),
            "panic" => drop(cx.spawn(async { panic!("out of paper") })),
            _ => {}
        }
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        if is_asked("fail to stop") { Err(trouble()) } else { Ok(()) }
    }
}
