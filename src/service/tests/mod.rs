//! The tree: what starts and stops when, and who is blamed when it does not.

mod adding;
mod attacks;
mod belongings;
mod changing;
mod clients;
mod draining;
mod entries;
mod failing;
mod finding;
mod functions;
mod misbehaving;
mod properties;
mod reload_races;
mod reloading;
mod reloading_left;
mod reloading_states;
mod restarting;
mod starting;
mod stop_order;
mod stopping;
mod timers;
mod watching;

use super::{
    Application, BoxError, Context, Handle, MultiService, PrivilegedContext, Resources, Service,
    ServiceError, Step, Workers,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What the services of one test did, in order: `start night.science`, `stop night`.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    fn note(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    /// Everything since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A service that goes well.
    fn service(&self) -> Probe {
        self.troubled(Trouble::None)
    }

    /// A service with trouble of some kind.
    fn troubled(&self, trouble: Trouble) -> Probe {
        Probe { record: self.clone(), trouble, path: String::new(), handle: None }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    FailsTo(Step),
    PanicsIn(Step),
    /// Never comes back from its start, or from its stop.
    HangsIn(Step),
}

use Trouble::{FailsTo, HangsIn, PanicsIn};

/// Records what is asked of it. `Step::Run` is a task that its start spawns.
struct Probe {
    record: Record,
    trouble: Trouble,
    /// Learned at the start; before, nobody has said.
    path: String,
    handle: Option<&'static str>,
}

impl Probe {
    /// With a handle that is this word.
    fn shows(self, handle: &'static str) -> Self {
        Self { handle: Some(handle), ..self }
    }

    fn note(&self, what: &str) {
        self.record.note(format!("{what} {}", self.path));
    }

    fn trouble_in(&self, step: Step) -> Result<(), BoxError> {
        if self.trouble == FailsTo(step) {
            return Err("out of ink".into());
        }
        assert!(self.trouble != PanicsIn(step), "out of paper");
        Ok(())
    }
}

#[async_trait]
impl Service for Probe {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        self.path = cx.path().to_string();
        self.note("prepare");
        self.trouble_in(Step::PrivilegedStart)
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        self.path = cx.path().to_string();
        self.note("start");
        if self.trouble == HangsIn(Step::Start) {
            std::future::pending::<()>().await;
        }
        self.trouble_in(Step::Start)?;
        let running = Probe { handle: None, ..self.record.troubled(self.trouble) };
        cx.spawn(async move { running.trouble_in(Step::Run) });
        Ok(())
    }

    fn close(&mut self) {
        self.note("close");
        self.trouble_in(Step::Close).unwrap();
    }

    async fn stop(&mut self, _deadline: Instant) -> Result<(), BoxError> {
        self.note("stop");
        if self.trouble == HangsIn(Step::Stop) {
            std::future::pending::<()>().await;
        }
        self.trouble_in(Step::Stop)?;
        self.note("stopped");
        Ok(())
    }

    fn handle(&self) -> Option<Handle> {
        self.handle.map(Handle::new)
    }
}

fn application<const N: usize>(services: [(&str, Probe); N]) -> Application {
    let application = Application::new("test");
    add_all(application.services(), services);
    application
}

fn group<const N: usize>(services: [(&str, Probe); N]) -> MultiService {
    let group = MultiService::new();
    add_all(&group, services);
    group
}

fn add_all<const N: usize>(parent: &MultiService, services: [(&str, Probe); N]) {
    for (name, service) in services {
        parent.add(name, service).unwrap();
    }
}

async fn start(application: &mut Application) -> Result<(), ServiceError> {
    application.start(&Resources::new(), Workers::current()).await
}

/// Ten seconds from now.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}
