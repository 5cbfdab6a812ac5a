//! The life of a daemon process, from its start at a shell to its last log line.
//!
//! [`run`] shows the steps in the order in which they happen. Each step has files of its own: `environment.rs`
//! and `strays.rs` (0), `options.rs` and `settings.rs` (1), `detach.rs` (2), `place.rs` and `pid_file/` (3),
//! `privileges.rs` and `capabilities.rs` (6), `conductor.rs` (7 to 10), `readiness.rs` (8). `signals.rs`,
//! `terminal.rs`, `panics.rs` and `abandon.rs` are used throughout.
//!
//! While the services run, the main thread waits in `watch.rs` for signals, events of the application, requests of
//! other threads (`runner.rs`) and the steps of a reload (`reloading.rs`); `inbox.rs` is how it is woken.
//!
//! ```no_run
//! use poetryd::daemon::{self, Environment, Options};
//! use poetryd::service::Application;
//!
//! fn main() -> std::process::ExitCode {
//!     let environment = Environment::claim();
//!     let source = || Ok((Application::new("nothing yet"), Options::default()));
//!     match daemon::run("example", environment, Options::default(), source) {
//!         Ok(()) => std::process::ExitCode::SUCCESS,
//!         Err(error) => {
//!             eprintln!("example: {error}");
//!             error.exit_code()
//!         }
//!     }
//! }
//! ```

mod abandon;
mod capabilities;
mod conductor;
mod control;
#[cfg(feature = "control")]
mod control_socket;
mod detach;
mod environment;
mod error;
mod in_effect;
mod inbox;
mod loader;
mod option;
mod options;
mod panics;
mod pid_file;
mod place;
mod privileges;
mod process;
mod program_info;
mod readiness;
mod reload_log;
mod reloading;
mod runner;
mod settings;
mod signals;
mod source;
mod strays;
mod terminal;
mod watch;

pub use conductor::Vanished;
pub use control::{ControlError, kill, running, stop};
pub use detach::LaunchError;
pub use environment::Environment;
pub use error::RunError;
pub use option::{Applies, OptionInfo};
pub(crate) use option::{Asked, Described};
pub use options::Options;
pub(crate) use options::STOP_TIMEOUT;
pub use pid_file::PidFileError;
pub use place::PlaceError;
pub use privileges::{IdentityError, PrivilegeError, Privileges};
#[cfg(feature = "control")]
pub(crate) use process::Process as OtherProcess;
pub use program_info::ProgramInfo;
pub use settings::{OptionError, Settings};
pub use source::{NotAgain, Source};

use crate::logging::{EarlyLog, Logging, LostLines, Outside};
use crate::service::{Application, Process, Resources, RunnerReport};
use crate::sockets::{Inherited, Sockets};
use conductor::Conductor;
#[cfg(feature = "control")]
use control_socket::ControlSocket;
use detach::{Report, Side};
use in_effect::InEffect;
use loader::Loader;
use pid_file::PidFile;
use readiness::Supervisor;
use reloading::Reloads;
use runner::{Reception, State};
use signals::Signals;
use std::io::Write;
use std::os::fd::RawFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};
use watch::Watch;

/// How long the last log lines may take to be written.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a warning about the pid file may take to be written after the last lines of the log.
const LAST_WARNING_TIMEOUT: Duration = Duration::from_millis(200);

/// Runs a program as a daemon, from the check of its options to the removal of its pid file. For `program`, a
/// name is enough. `options` win over the options that the source returns.
///
/// In the daemon this returns after it was told to stop and has stopped. In the launcher, unless
/// [`Options::nodaemon`] is set, it returns as soon as every service of the daemon has started.
///
/// # Errors
/// Whatever keeps the daemon from running or from stopping cleanly, both in the daemon and in the launcher.
/// Nothing is left behind then: no pid file, no socket, no process.
pub fn run(
    program: impl Into<ProgramInfo>,
    environment: Environment,
    options: Options,
    source: impl Source,
) -> Result<(), RunError> {
    let info = program.into();
    let mut loader = Loader::new(&info, options, source);
    let ProgramInfo { name, version, layers, own_subscriber, control, .. } = info;
    let early_log = if own_subscriber { EarlyLog::of_program() } else { EarlyLog::begin(layers)? };

    // 1. Check everything that can be checked, while there is a terminal to report to.
    let (application, options) = loader.load()?;
    let control = options.may_have_control(control)?;
    let in_effect = loader.decide(options)?;
    let settings = in_effect.settings();
    let mut given = Given::of(environment, settings.ready_fd)?;

    // 2. Detach. From here on there are two processes.
    let mut report = None;
    if settings.detach {
        given.signals.hold();
        match detach::detach()? {
            Side::Launcher(launcher) => {
                early_log.forget();
                return Ok(launcher.wait(&given.signals)?);
            }
            Side::Daemon(to_launcher) => report = Some(to_launcher),
        }
        given.signals.detached();
        given.signals.let_stop();
    }
    let state = State::starting(name, version, loader.origin(), settings.workers);
    let running = Running { application, in_effect, loader, state, control };
    let outcome = live(running, given, early_log, &mut report);
    if let Some(report) = report {
        report.failed(&match &outcome {
            Ok(()) => "the daemon was told to stop before it was ready".into(),
            Err(error) => error.to_string(),
        });
    }
    outcome
}

/// The parts of the environment that only the process that serves needs.
struct Given {
    sockets: Vec<Inherited>,
    supervisor: Supervisor,
    signals: Signals,
}

impl Given {
    /// Closes the descriptors that nobody has taken by now.
    fn of(mut environment: Environment, ready_fd: Option<RawFd>) -> Result<Self, OptionError> {
        if let Some(number) = ready_fd {
            let left_open = environment.take_descriptor(number);
            environment.supervisor.add(left_open.ok_or(OptionError::NoReadyDescriptor(number))?);
        }
        let Environment { sockets, supervisor, signals, strays } = environment;
        strays.close();
        Ok(Self { sockets, supervisor, signals })
    }
}

/// What is to be run, and how.
struct Running {
    application: Application,
    in_effect: InEffect,
    /// Where both came from, for a reload.
    loader: Loader,
    state: State,
    /// Whether there may be a control socket.
    #[cfg_attr(not(feature = "control"), allow(dead_code))]
    control: bool,
}

/// Steps 3 to 11, in the process that serves. `report` is taken when the daemon is ready.
fn live(
    running: Running,
    given: Given,
    early_log: EarlyLog,
    report: &mut Option<Report>,
) -> Result<(), RunError> {
    let settings = running.in_effect.settings();
    // 3. Root directory, umask and rundir. What is outside the new root is opened before.
    let outside = Outside::reach(&settings.log)?;
    settings.place.enter()?;
    given.signals.hold(); // from here on, there is something to clean up
    let pid_file = settings.pid_file.as_deref().map(PidFile::acquire).transpose()?;

    // 4. The log. From here on, errors are logged as well.
    let (log, owner) = (settings.log.clone(), settings.privileges.owner());
    let open = move || early_log.open(&log, outside, owner);
    let Some(logging) = abandon::unless_stopped(&given.signals, open)? else { return Ok(()) };
    let logging = logging?;
    if settings.detach {
        logging.take_streams()?;
    }
    panic::set_hook(Box::new(panics::log));
    info!("{}", start_line(&running.state.report()));

    let serving = AssertUnwindSafe(|| serve(running, given, &logging, report));
    let outcome = panic::catch_unwind(serving).unwrap_or(Err(RunError::Panicked));
    match &outcome {
        Ok(()) => info!("stopped cleanly"),
        Err(e) => error!("{e}"),
    }
    leave_nothing(&logging, pid_file, outcome)
}

/// The first line of the log.
fn start_line(process: &RunnerReport) -> String {
    let RunnerReport { program, version, pid, origin, .. } = process;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{program}{version} starts with pid {pid}: {origin}")
}

/// Step 11: leaves nothing behind, and reports the outcome to those who wait for the daemon to end.
fn leave_nothing(
    logging: &Logging,
    pid_file: Option<PidFile>,
    mut outcome: Result<(), RunError>,
) -> Result<(), RunError> {
    if let Err(lost) = logging.finish(LAST_LINES_TIMEOUT) {
        outcome = without_last_lines(logging, lost, outcome);
    }
    let failure = outcome.as_ref().err().map(ToString::to_string);
    if let Some(Err(e)) = pid_file.map(|pid_file| pid_file.remove(failure.as_deref())) {
        warn!("can't remove or empty the pid file: {e}");
        let _ = logging.flush(LAST_WARNING_TIMEOUT);
    }
    outcome.map_err(|e| match e {
        RunError::LogLost { .. } => e,
        e if logging.goes_to_stderr() => RunError::Said(Box::new(e)),
        e => e,
    })
}

/// Reports that the end of the log is lost, where it can still be seen. This counts as a failure, unless the log
/// goes to standard output, for which the daemon is not responsible.
fn without_last_lines(
    logging: &Logging,
    lost: LostLines,
    outcome: Result<(), RunError>,
) -> Result<(), RunError> {
    logging.tell_syslog(&lost.to_string());
    if logging.is_standard_output() {
        let _ = writeln!(std::io::stderr(), "{lost}");
        return outcome;
    }
    Err(RunError::LogLost { failure: outcome.err().map(Box::new), lost })
}

/// Steps 5 to 10.
fn serve(
    running: Running,
    given: Given,
    logging: &Logging,
    report: &mut Option<Report>,
) -> Result<(), RunError> {
    let Running { mut application, in_effect, loader, state, .. } = running;
    let settings = in_effect.settings();
    let Given { sockets, mut supervisor, signals } = given;
    supervisor.report_problem();

    application.set_stop_timeout(settings.stop_timeout);

    // 5. What needs privileges.
    let resources = Resources::new();
    // (systemd does not accept such messages from a process that has detached.)
    let store = if settings.detach { None } else { supervisor.store() };
    let sockets = Sockets::of_process(sockets, store);
    sockets.lend(&resources);
    let (reception, process) = Reception::open(state, logging)?;
    let process: Process = Arc::new(process);
    resources.insert(process.clone());
    application.privileged_start(&resources)?;
    sockets.close_unwanted();
    #[cfg(feature = "control")]
    let control = ControlSocket::open(running.control, settings, &sockets)?;

    // 6. Drop the privileges. There is only one thread so far, so this affects the whole process.
    settings.privileges.drop_to()?;

    // 7. Threads, and the services on them.
    environment::reserve_descriptors();
    logging.start_thread()?;
    let signals = signals.reader()?;
    let workers = conductor::start_workers(settings.workers)?;
    let running = (application.tree().clone(), workers.clone());
    let conductor = Conductor::start(application, resources, workers, &reception.waker);
    #[cfg(feature = "control")]
    let _served = control.map(|socket| socket.serve(running.0.clone(), process)).transpose()?;
    let reloads = Reloads::new(loader, in_effect, running, logging.clone(), &reception);

    // 8 to 10. Report that the daemon is ready, serve, stop.
    Watch::new(signals, conductor, supervisor, reception, reloads, logging).run(report)
}
