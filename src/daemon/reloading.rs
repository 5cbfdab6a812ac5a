//! Reloads: one at a time, without ever blocking the main thread. The source is loaded on a thread of its own, which
//! may hang for ever; the tree is changed on the first worker.

use super::in_effect::{InEffect, OptionChanges};
use super::inbox::{self, Outbox};
use super::loader::{Loader, Prepared};
use super::reload_log;
use super::runner::{Reception, State, Verdict};
use super::settings::Settings;
use crate::chain::chain;
use crate::logging::Logging;
use crate::service::{
    Phase, Refusal, ReloadError, ReloadMode, ReloadReport, Reloaded, Tree, Workers,
};
use crate::sync::Mutex;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{Level, info, warn};

/// How long a reload may take before the log says that it is still in progress.
const SLOW_RELOAD: Duration = Duration::from_secs(10);

/// Where the verdict of a reload goes, besides the log. A signal wants none.
pub(super) type Caller = Option<oneshot::Sender<Verdict>>;

/// The reloads of this process.
pub(super) struct Reloads {
    loader: Arc<Mutex<Loader>>,
    in_effect: InEffect,
    tree: Tree,
    workers: Workers,
    logging: Logging,
    state: State,
    outbox: Outbox<Step>,
    steps: mpsc::Receiver<Step>,
    door: Door,
    /// The reload in progress.
    current: Option<Current>,
    /// Those that come next, one of each mode at most.
    waiting: Vec<Wanted>,
}

/// Whether reloads are possible.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    /// Not until all services have started. Requests are kept.
    NotYet,
    Open,
    /// Not any more, or never, and why.
    Closed(&'static str),
}

/// Why a reload is refused.
const STOPPING: &str = "the daemon is stopping";
const NEVER: &str = "this program does not reload; restart it instead";

/// One reload, however often it has been requested.
struct Wanted {
    mode: ReloadMode,
    callers: Vec<oneshot::Sender<Verdict>>,
}

struct Current {
    wanted: Wanted,
    /// When the log says that it takes long, unless it has.
    slow_at: Option<Instant>,
    /// Whether the source has been loaded.
    loaded: bool,
}

/// A part of the reload in progress has been done.
enum Step {
    Loaded(Result<Box<Prepared>, Refusal>),
    TreeChanged(Box<Changed>),
}

/// The result for the tree, and what goes with it if that is a success.
struct Changed {
    tree: Result<ReloadReport, Refusal>,
    origin: String,
    options: OptionChanges,
}

/// What has happened to a reload that may change something.
pub(super) enum Progress {
    Began,
    /// It has ended, with this verdict in a few words.
    Ended(String),
}

impl Reloads {
    pub(super) fn new(
        loader: Loader,
        in_effect: InEffect,
        (tree, workers): (Tree, Workers),
        logging: Logging,
        reception: &Reception,
    ) -> Self {
        let (outbox, steps) = inbox::channel(&reception.waker);
        let state = reception.state.clone();
        let door = if loader.reloads { Door::NotYet } else { Door::Closed(NEVER) };
        let loader = Arc::new(Mutex::new(loader));
        let (current, waiting) = (None, Vec::new());
        Self {
            loader,
            in_effect,
            tree,
            workers,
            logging,
            state,
            outbox,
            steps,
            door,
            current,
            waiting,
        }
    }

    /// The settings that are in effect.
    pub(super) fn settings(&self) -> &Settings {
        self.in_effect.settings()
    }

    /// Changes the level of the log until the next reload.
    pub(super) fn set_log_level(&mut self, level: Level) {
        self.logging.set_level(level);
        self.in_effect.set_log_level(level);
    }

    /// Requests a reload that begins after this call. `why` is what the log says about it: `received SIGHUP`.
    pub(super) fn request(&mut self, why: &str, mode: ReloadMode, caller: Caller) {
        if let Door::Closed(reason) = self.door {
            info!("{why}, ignored: {reason}");
            return refuse(caller, reason);
        }
        let same = self.waiting.iter_mut().find(|wanted| wanted.mode == mode);
        match (&same, self.door, &self.current) {
            (Some(_), ..) => info!("{why}, part of the reload that comes next"),
            (None, Door::NotYet, _) => info!("{why}, reloading when all services have started"),
            (None, _, Some(_)) => info!("{why}, reloading again after the reload in progress"),
            (None, _, None) => info!("{why}, reloading"),
        }
        match same {
            Some(wanted) => {
                // A reload may hang while clients come and go.
                wanted.callers.retain(|caller| !caller.is_closed());
                wanted.callers.extend(caller);
            }
            None => self.waiting.push(Wanted { mode, callers: caller.into_iter().collect() }),
        }
    }

    /// All services have started: reloads may begin.
    pub(super) fn open(&mut self) {
        if self.door == Door::NotYet {
            self.door = Door::Open;
        }
    }

    /// The daemon is stopping. Whoever waits for a reload is told so; the one in progress is abandoned.
    pub(super) fn close(&mut self) {
        self.door = Door::Closed(STOPPING);
        let current = self.current.take();
        if current.is_some() {
            warn!("the reload in progress is abandoned, since the daemon is stopping");
        }
        let wanted = current.map(|current| current.wanted);
        for Wanted { mode, callers } in wanted.into_iter().chain(self.waiting.drain(..)) {
            if mode == ReloadMode::Change {
                self.state.has_reloaded(Err(refusal(STOPPING)));
            }
            callers.into_iter().for_each(|caller| refuse(Some(caller), STOPPING));
        }
    }

    /// When the log has to say that the reload in progress takes long.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.current.as_ref().and_then(|current| current.slow_at)
    }

    /// Does what can be done now. Returns what has happened, until nothing does any more.
    pub(super) fn proceed(&mut self) -> Option<Progress> {
        while let Ok(step) = self.steps.try_recv() {
            let Some(mut current) = self.current.take() else { continue };
            let progress = match step {
                Step::Loaded(Ok(prepared)) => {
                    current.loaded = true;
                    self.change_tree(*prepared, current.wanted.mode);
                    self.current = Some(current);
                    None
                }
                Step::Loaded(Err(refusal)) => self.end(current.wanted, Err(refusal)),
                Step::TreeChanged(changed) => self.commit(current.wanted, *changed),
            };
            if progress.is_some() {
                return progress;
            }
        }
        self.say_if_slow();
        self.begin_next()
    }

    fn say_if_slow(&mut self) {
        let Some(current) = &mut self.current else { return };
        if current.slow_at.is_some_and(|at| Instant::now() >= at) {
            current.slow_at = None;
            let what = match current.loaded {
                false => "what is to be loaded is still being read",
                true => "the services are still being changed",
            };
            warn!("the reload has not ended after {} s: {what}", SLOW_RELOAD.as_secs());
        }
    }

    /// Begins the next reload, if there is one and none is in progress.
    fn begin_next(&mut self) -> Option<Progress> {
        if self.door != Door::Open || self.current.is_some() || self.waiting.is_empty() {
            return None;
        }
        let wanted = self.waiting.remove(0);
        let mode = wanted.mode;
        let slow_at = Some(Instant::now() + SLOW_RELOAD);
        self.current = Some(Current { wanted, slow_at, loaded: false });
        let (loader, in_effect, outbox) =
            (self.loader.clone(), self.in_effect.clone(), self.outbox.clone());
        let load = move || {
            outbox.send(Step::Loaded(loader.lock().load_anew(&in_effect).map(Box::new)));
        };
        if let Err(e) = thread::Builder::new().name("reload".into()).spawn(load) {
            let why = format!("can't start a thread for it: {e}");
            self.outbox.send(Step::Loaded(Err(refusal(why))));
        }
        if mode == ReloadMode::DryRun {
            return None;
        }
        self.state.enter(Phase::Reloading);
        Some(Progress::Began)
    }

    fn change_tree(&mut self, prepared: Prepared, mode: ReloadMode) {
        let Prepared { application, origin, options } = prepared;
        let tree = self.tree.clone();
        let change = async move { tree.reload(application, mode).await };
        let changed = self.workers.spawn_on(0, change);
        let outbox = self.outbox.clone();
        self.workers.spawn_on(0, async move {
            let tree = match changed.await {
                Ok(result) => result.map_err(|e| refusal_of(&e)),
                Err(_) => Err(refusal(PANICKED)),
            };
            outbox.send(Step::TreeChanged(Box::new(Changed { tree, origin, options })));
        });
    }

    /// If the tree has changed, nothing can fail any more: changes the options as well.
    fn commit(&mut self, wanted: Wanted, changed: Changed) -> Option<Progress> {
        let Changed { tree, origin, options: OptionChanges { next, at_once, at_restart } } =
            changed;
        let tree = match tree {
            Ok(tree) => tree,
            Err(refusal) => return self.end(wanted, Err(refusal)),
        };
        if wanted.mode == ReloadMode::Change {
            let before = self.state.report().origin;
            if origin != before {
                info!("the application comes from another place now: {origin}; before: {before}");
            }
            self.in_effect = next;
            self.logging.change(&self.settings().log);
            self.tree.set_stop_timeout(self.settings().stop_timeout);
            self.state.set_origin(origin);
        }
        self.end(wanted, Ok(Reloaded { tree, options: at_once, at_restart }))
    }

    /// Tells everybody the verdict.
    fn end(&mut self, wanted: Wanted, verdict: Verdict) -> Option<Progress> {
        let Wanted { mode, callers } = wanted;
        let summary = reload_log::log(&self.state.report().origin, mode, &verdict);
        if mode == ReloadMode::Change {
            self.state.has_reloaded(verdict.clone());
            self.state.enter(Phase::Running);
        }
        for caller in callers {
            let _ = caller.send(verdict.clone()); // it may have given up
        }
        (mode == ReloadMode::Change).then_some(Progress::Ended(summary))
    }
}

/// What the verdict says about a panic outside of services, whose panics are caught.
const PANICKED: &str = "changing the tree panicked; this is a bug in poetryd";

fn refuse(caller: Caller, reason: &str) {
    if let Some(caller) = caller {
        let _ = caller.send(Err(refusal(reason))); // it may have given up
    }
}

/// A refusal for which no setting is to blame.
fn refusal(reason: impl Into<String>) -> Refusal {
    Refusal { reason: reason.into(), is_mistake: false }
}

fn refusal_of(error: &ReloadError) -> Refusal {
    Refusal { reason: chain(error), is_mistake: matches!(error, ReloadError::Add(_)) }
}

#[cfg(test)]
mod tests;
