//! One reload at a time, whatever the source does. The tree is not running here, so no reload succeeds: what counts
//! is how often the source is loaded, and what the callers are told.

use super::*;
use crate::daemon::conductor::start_workers;
use crate::daemon::options::Options;
use crate::daemon::{NotAgain, ProgramInfo};
use crate::logging::{EarlyLog, LogOptions, Logging, Outside};
use crate::service::{Application, BoxError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Only bounds a hang.
const LIMIT: Duration = Duration::from_secs(60);

type Answer = oneshot::Receiver<Verdict>;

/// The reloads of a process that runs nothing.
struct Bench {
    reloads: Reloads,
    reception: Reception,
    /// How often the source was loaded.
    loads: Arc<AtomicUsize>,
}

impl Bench {
    /// `load` is called with the number of the load, counted from 1.
    fn new(load: impl FnMut(usize) -> Result<(), BoxError> + Send + 'static) -> Self {
        Self::of(true, load)
    }

    /// `reloads`: whether the program can be reloaded.
    fn of(
        reloads: bool,
        mut load: impl FnMut(usize) -> Result<(), BoxError> + Send + 'static,
    ) -> Self {
        let options = Options { nodaemon: Some(true), ..Options::default() };
        let logging = no_log(&options);
        let state = State::starting("test".into(), None, "a test".into(), 1);
        let (reception, _) = Reception::open(state, &logging).unwrap();
        let loads = Arc::new(AtomicUsize::new(0));
        let count = loads.clone();
        let source = move || {
            load(count.fetch_add(1, Ordering::SeqCst) + 1)?;
            Ok((Application::new("test"), Options::default()))
        };
        let program = ProgramInfo::new("test").own_subscriber();
        let program = if reloads { program } else { program.without_reload() };
        let loader = Loader::new(&program, options.clone(), source);
        let in_effect = loader.decide(options).unwrap();
        let running = (Application::new("test").tree().clone(), start_workers(1).unwrap());
        let reloads = Reloads::new(loader, in_effect, running, logging, &reception);
        Self { reloads, reception, loads }
    }

    fn ask(&mut self, mode: ReloadMode) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.reloads.request("asked to reload", mode, Some(reply));
        answer
    }

    /// Does what the main thread does until a condition holds.
    fn until(&mut self, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !condition(self) {
            assert!(Instant::now() < deadline, "waited in vain");
            while self.reloads.proceed().is_some() {}
            let mut fds = [PollFd::new(self.reception.waker.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(10_u8)).unwrap();
            self.reception.waker.clear();
        }
    }

    fn answer(&mut self, mut answer: Answer) -> Refusal {
        let mut verdict = None;
        self.until(|_| {
            verdict = answer.try_recv().ok();
            verdict.is_some()
        });
        verdict.unwrap().unwrap_err()
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    fn phase(&self) -> Phase {
        self.reception.state.report().phase
    }
}

/// The log of a program that sets up its own.
fn no_log(options: &Options) -> Logging {
    let settings = options.clone().decide_for("test", true).unwrap();
    let options: &LogOptions = &settings.log;
    EarlyLog::of_program().open(options, Outside::reach(options).unwrap(), None).unwrap()
}

#[test]
fn nothing_is_reloaded_before_the_application_is_ready() {
    let mut bench = Bench::new(|_| Ok(()));
    let early = bench.ask(ReloadMode::Change);
    assert!(bench.reloads.proceed().is_none());
    assert_eq!(bench.loads(), 0);
    bench.reloads.open();
    bench.answer(early);
    assert_eq!(bench.loads(), 1);
}

#[test]
fn requests_that_come_meanwhile_are_one_reload_that_begins_after_them() {
    let (go, gone) = mpsc::channel::<()>();
    let mut bench = Bench::new(move |_| {
        let _ = gone.recv();
        Ok(())
    });
    bench.reloads.open();
    let first = bench.ask(ReloadMode::Change);
    bench.until(|bench| bench.loads() == 1);
    let later: Vec<Answer> = (0..100).map(|_| bench.ask(ReloadMode::Change)).collect();
    bench.reloads.request("received SIGHUP", ReloadMode::Change, None);
    assert_eq!((bench.loads(), bench.phase()), (1, Phase::Reloading));
    go.send(()).unwrap();
    go.send(()).unwrap();
    bench.answer(first);
    for answer in later {
        bench.answer(answer);
    }
    assert_eq!((bench.loads(), bench.phase()), (2, Phase::Running));
    assert!(bench.reception.state.report().last_reload.unwrap().outcome.is_err());
}

#[test]
fn a_dry_run_is_never_one_with_a_reload() {
    let (go, gone) = mpsc::channel::<()>();
    let mut bench = Bench::new(move |_| {
        let _ = gone.recv();
        Ok(())
    });
    bench.reloads.open();
    let first = bench.ask(ReloadMode::DryRun);
    bench.until(|bench| bench.loads() == 1);
    assert_eq!(bench.phase(), Phase::Starting, "a dry run changes nothing, not even this");
    let modes = [ReloadMode::DryRun, ReloadMode::Change, ReloadMode::DryRun, ReloadMode::Change];
    let later = modes.map(|mode| bench.ask(mode));
    drop(go);
    bench.answer(first);
    for answer in later {
        bench.answer(answer);
    }
    assert_eq!(bench.loads(), 3);
}

#[test]
fn a_source_that_hangs_delays_no_stop() {
    let (hang, hung) = mpsc::channel::<()>();
    let mut bench = Bench::new(move |_| {
        let _ = hung.recv();
        Ok(())
    });
    bench.reloads.open();
    let answers = [bench.ask(ReloadMode::Change), bench.ask(ReloadMode::DryRun)];
    bench.until(|bench| bench.loads() == 1);
    assert!(bench.reloads.next_time().is_some(), "the log has to say that it takes long");
    bench.reloads.close();
    let too_late = bench.ask(ReloadMode::Change);
    for answer in answers.into_iter().chain([too_late]) {
        assert_eq!(bench.answer(answer).reason, "the daemon is stopping");
    }
    drop(hang);
    bench.until(|bench| bench.reloads.steps.try_recv().is_ok());
    assert!(bench.reloads.proceed().is_none() && bench.loads() == 1);
}

#[test]
fn callers_that_have_gone_take_no_space() {
    let mut bench = Bench::new(|_| Ok(()));
    for _ in 0..1000 {
        drop(bench.ask(ReloadMode::Change));
    }
    assert_eq!(bench.reloads.waiting.len(), 1);
    assert_eq!(bench.reloads.waiting[0].callers.len(), 1);
}

#[test]
fn a_source_that_panics_is_a_refusal_and_is_asked_again() {
    let mut bench = Bench::new(|number| {
        assert!(number > 1, "on purpose");
        Err("the second time".into())
    });
    bench.reloads.open();
    let answer = bench.ask(ReloadMode::Change);
    let refusal = bench.answer(answer);
    assert!(refusal.reason.contains("panicked") && !refusal.is_mistake, "{refusal}");
    let answer = bench.ask(ReloadMode::Change);
    let refusal = bench.answer(answer);
    assert_eq!((&refusal.reason[..], refusal.is_mistake), ("the second time", true));
}

#[test]
fn a_tree_that_does_not_run_refuses_and_nothing_is_wrong_with_the_file() {
    let mut bench = Bench::new(|_| Ok(()));
    bench.reloads.open();
    let answer = bench.ask(ReloadMode::Change);
    let refusal = bench.answer(answer);
    assert_eq!(refusal.reason, ReloadError::NotRunning.to_string());
    assert!(!refusal.is_mistake);
}

#[test]
fn a_source_that_can_only_be_loaded_once_is_no_mistake() {
    let mut bench = Bench::new(|_| Err(NotAgain::new("only once").into()));
    bench.reloads.open();
    let answer = bench.ask(ReloadMode::Change);
    let refusal = bench.answer(answer);
    assert_eq!((&refusal.reason[..], refusal.is_mistake), ("only once", false));
}

#[test]
fn a_program_that_does_not_reload_refuses() {
    let mut bench = Bench::of(false, |_| Ok(()));
    bench.reloads.open();
    let answer = bench.ask(ReloadMode::Change);
    assert_eq!(bench.answer(answer).reason, "this program does not reload; restart it instead");
    assert_eq!(bench.loads(), 0);
}
