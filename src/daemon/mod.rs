//! One process's life: from the shell that starts it to its last log line.
//!
//! [`run`] reads from top to bottom in the order in which things happen. The steps have files of their
//! own: `environment.rs` and `strays.rs` (0), `options.rs` and `settings.rs` (1), `detach.rs` (2), `place.rs` and `pid_file/` (3),
//! `privileges.rs` and `capabilities.rs` (6), `conductor.rs` (7 to 10), `readiness.rs` (8), and `signals.rs`,
//! `terminal.rs`, `panics.rs` and `abandon.rs` throughout.
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
mod detach;
mod environment;
mod error;
mod option;
mod options;
mod panics;
mod pid_file;
mod place;
mod privileges;
mod process;
mod program_info;
mod readiness;
mod settings;
mod signals;
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
pub use program_info::ProgramInfo;
pub use settings::{OptionError, Settings};

use crate::logging::{EarlyLog, Logging, LostLines, Outside};
use crate::service::{Application, BoxError, Resources};
use crate::sockets::{Inherited, Sockets};
use conductor::Conductor;
use detach::{Report, Side};
use pid_file::PidFile;
use readiness::Supervisor;
use signals::Signals;
use std::io::Write;
use std::os::fd::RawFd;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use tracing::{error, info, warn};
use watch::Watch;

/// How long the last log lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(5);

/// How long a warning about the pid file may take to be written after that.
const LAST_WARNING: Duration = Duration::from_millis(200);

/// Where applications come from: asked at the start, before anything else happens, and again whenever the
/// application is to be made anew, then perhaps on another thread.
pub trait Source: Send + 'static {
    /// Makes the application, of which nothing is started, and says how it is to be run, as far as that is said
    /// where the application comes from.
    ///
    /// # Errors
    /// If it can't be made; the error's text is for the person who started the daemon.
    fn load(&mut self) -> Result<(Application, Options), BoxError>;

    /// Says in a few words, for the log, where the application came from: the name of a file, say.
    fn origin(&self) -> String;
}

/// An application that is made by the program itself.
impl<F> Source for F
where
    F: FnMut() -> Result<(Application, Options), BoxError> + Send + 'static,
{
    fn load(&mut self) -> Result<(Application, Options), BoxError> {
        self()
    }

    fn origin(&self) -> String {
        "an application made by the program".into()
    }
}

/// Runs a program, of which its name is enough, as a daemon, from the check of its options to the removal of its pid
/// file. What `options` say goes before what the source says.
///
/// In the daemon this returns when it has been told to stop and has stopped. In the launching process,
/// unless [`Options::nodaemon`], it returns as soon as every service of the daemon has started.
///
/// # Errors
/// Whatever keeps the daemon from running or from stopping cleanly, in the daemon as well as in the
/// launching process. Nothing is left behind then: no pid file, no socket, no process.
pub fn run(
    program: impl Into<ProgramInfo>,
    environment: Environment,
    options: Options,
    mut source: impl Source,
) -> Result<(), RunError> {
    let ProgramInfo { name, version, layers, own_subscriber } = program.into();
    let early_log = if own_subscriber { EarlyLog::of_program() } else { EarlyLog::begin(layers)? };

    // 1. Check everything that can be checked, while there is a terminal to report to.
    let (application, from_source) = source.load().map_err(RunError::Application)?;
    let settings = options.or(from_source).decide_for(&name, own_subscriber)?;
    if settings.detach && std::process::id() == 1 {
        return Err(OptionError::FirstProcess.into());
    }
    let mut given = Given::of(environment, settings.ready_fd)?;

    // 2. Detach. Two processes go on from here.
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
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let pid = std::process::id();
    let start = format!("{name}{version} starts with pid {pid}: {}", source.origin());
    let outcome = live(&settings, given, early_log, application, &start, &mut report);
    if let Some(report) = report {
        report.failed(&match &outcome {
            Ok(()) => "the daemon was told to stop before it was ready".into(),
            Err(error) => error.to_string(),
        });
    }
    outcome
}

/// What the process was given, as far as only the one that serves needs it.
struct Given {
    sockets: Vec<Inherited>,
    supervisor: Supervisor,
    signals: Signals,
}

impl Given {
    /// What nobody has asked for by now is closed.
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

/// Steps 3 to 11, in the process that serves. `report` is taken when the daemon is ready.
fn live(
    settings: &Settings,
    given: Given,
    early_log: EarlyLog,
    application: Application,
    start: &str,
    report: &mut Option<Report>,
) -> Result<(), RunError> {
    // 3. The place to live in. What lies outside a new root is reached before.
    let outside = Outside::reach(&settings.log)?;
    settings.place.enter()?;
    given.signals.hold(); // from here on there is something to clean up
    let pid_file = settings.pid_file.as_deref().map(PidFile::acquire).transpose()?;

    // 4. Log. From here on, what goes wrong is in the log as well.
    let (log, owner) = (settings.log.clone(), settings.privileges.owner());
    let open = move || early_log.open(&log, outside, owner);
    let Some(logging) = abandon::unless_stopped(&given.signals, open)? else { return Ok(()) };
    let logging = logging?;
    if settings.detach {
        logging.take_streams()?;
    }
    panic::set_hook(Box::new(panics::log));
    info!("{start}");

    let serving = AssertUnwindSafe(|| serve(settings, given, application, &logging, report));
    let outcome = panic::catch_unwind(serving).unwrap_or(Err(RunError::Panicked));
    match &outcome {
        Ok(()) => info!("ends, with everything stopped"),
        Err(e) => error!("{e}"),
    }
    leave_nothing(&logging, pid_file, outcome)
}

/// Step 11: leave nothing behind, and tell whoever waits for the end how it was.
fn leave_nothing(
    logging: &Logging,
    pid_file: Option<PidFile>,
    mut outcome: Result<(), RunError>,
) -> Result<(), RunError> {
    if let Err(lost) = logging.finish(LAST_LINES) {
        outcome = without_last_lines(logging, lost, outcome);
    }
    let failure = outcome.as_ref().err().map(ToString::to_string);
    if let Some(Err(e)) = pid_file.map(|pid_file| pid_file.remove(failure.as_deref())) {
        warn!("can't write what is left of the pid file: {e}");
        let _ = logging.flush(LAST_WARNING);
    }
    outcome.map_err(|e| match e {
        RunError::LogLost { .. } => e,
        e if logging.goes_to_stderr() => RunError::Said(Box::new(e)),
        e => e,
    })
}

/// Says that the end of the log is lost, where somebody may hear it. That is a failure, unless the log goes to standard
/// output, which is not the daemon's own.
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
    settings: &Settings,
    given: Given,
    mut application: Application,
    logging: &Logging,
    report: &mut Option<Report>,
) -> Result<(), RunError> {
    let Given { sockets, mut supervisor, signals } = given;
    supervisor.report_problem();

    application.set_stop_timeout(settings.stop_timeout);

    // 5. What has to be done with privileges.
    let resources = Resources::new();
    // (A process that has detached is not the one that systemd takes messages of this kind from.)
    let store = if settings.detach { None } else { supervisor.store() };
    let sockets = Sockets::of_process(sockets, store);
    sockets.lend(&resources);
    application.privileged_start(&resources)?;
    sockets.close_unwanted();

    // 6. No privileges from here on. There is one thread so far, so this is the whole process.
    settings.privileges.drop_to()?;

    // 7. Threads, and every service on them.
    environment::reserve_descriptors();
    logging.start_thread()?;
    let signals = signals.reader()?;
    let workers = conductor::start_workers(settings.workers)?;
    let conductor = Conductor::start(application, resources, workers)?;

    // 8 to 10. Ready, serve, stop.
    Watch::new(signals, conductor, supervisor, logging, settings.stop_timeout).run(report)
}
