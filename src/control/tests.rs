//! The server and the client together, with a process and a tree that do what the test says.

use super::document::{LogLevel, Stopping};
use super::server::LIMITS;
use super::{AskError, Client, ConnectError, Control, Request, serve};
use crate::document::{ReloadOutcome, Reloaded, Status};
use crate::service::{
    Application, BoxError, LastReload, Phase, Refusal, ReloadMode, ReloadReport, Runner,
    RunnerReport, Tree,
};
use crate::sync::Mutex;
use async_trait::async_trait;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tracing::Level;

/// A process that notes what it is asked for.
#[derive(Default)]
struct Scribe {
    asked: Mutex<Vec<String>>,
    last: Mutex<Option<LastReload>>,
}

impl Scribe {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().push(what.into());
    }
}

#[async_trait]
impl Runner for Scribe {
    fn report(&self) -> RunnerReport {
        RunnerReport {
            program: "scribe".into(),
            version: None,
            pid: 4711,
            origin: "a test".into(),
            started: SystemTime::UNIX_EPOCH,
            phase: Phase::Running,
            since: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            last_reload: self.last.lock().clone(),
            workers: 3,
            log_lines_lost: 0,
        }
    }

    /// A dry run says what would change, a reload is refused.
    async fn reload(&self, mode: ReloadMode) -> Result<crate::service::Reloaded, Refusal> {
        self.note(format!("reload {mode:?}"));
        let outcome = match mode {
            ReloadMode::DryRun => {
                let removed = vec!["night.fast".parse().unwrap()];
                let tree = ReloadReport { kept: 2, removed, ..ReloadReport::default() };
                let options = vec!["log.level".into()];
                Ok(crate::service::Reloaded { tree, options, at_restart: Vec::new() })
            }
            ReloadMode::Change => {
                Err(Refusal { reason: "a.toml:1:1: no\nyes".into(), is_mistake: true })
            }
        };
        let ended = SystemTime::UNIX_EPOCH;
        *self.last.lock() = Some(LastReload { ended, outcome: outcome.clone() });
        outcome
    }

    fn stop(&self, time: Option<Duration>) {
        self.note(format!("stop {time:?}"));
    }

    fn set_log_level(&self, level: Level) -> Result<(), BoxError> {
        self.note(format!("level {level}"));
        if level == Level::TRACE { Err("not that much".into()) } else { Ok(()) }
    }

    fn rotate(&self) -> Result<(), BoxError> {
        self.note("rotate");
        Ok(())
    }

    fn warnings(&self) -> Vec<crate::service::Warning> {
        Vec::new()
    }
}

/// A control socket that is served.
struct Bench {
    directory: TempDir,
    scribe: Arc<Scribe>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap(), scribe: Arc::default() };
        let listener = UnixListener::bind(bench.directory.path().join("socket")).unwrap();
        let tree: Tree = Application::new("test").tree().clone();
        serve(listener, Control { tree, process: bench.scribe.clone() }).unwrap();
        bench
    }

    fn client(&self) -> Client {
        Client::connect(&self.directory.path().join("socket")).unwrap()
    }

    fn post<T: serde::de::DeserializeOwned>(&self, target: &str) -> Result<T, AskError> {
        self.client().ask_for(&request("POST", target))
    }
}

fn request<'a>(method: &'static str, target: &'a str) -> Request<'a> {
    Request { method, target, timeout: Duration::from_secs(60) }
}

/// The text of a refusal, and whether it is a mistake.
fn refusal<T>(answer: Result<T, AskError>) -> (String, bool) {
    match answer {
        Err(AskError::Refused { error, is_mistake }) => (error, is_mistake),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn the_process_is_asked_for_what_the_client_asks_for() {
    let bench = Bench::new();
    let Stopping { pid, .. } = bench.post("/stop").unwrap();
    assert_eq!(pid, 4711);
    let _: Stopping = bench.post("/stop?now").unwrap();
    let LogLevel { level, .. } = bench.post("/log-level/debug").unwrap();
    assert_eq!(level, "debug");
    assert_eq!(
        refusal(bench.post::<LogLevel>("/log-level/trace")),
        ("not that much".into(), false)
    );
    bench.client().ask(&request("POST", "/rotate")).unwrap();
    let asked = ["stop None", "stop Some(0ns)", "level DEBUG", "level TRACE", "rotate"];
    assert_eq!(*bench.scribe.asked.lock(), asked);
}

#[test]
fn a_reload_answers_with_its_verdict_and_the_status_remembers_it() {
    let bench = Bench::new();
    let status = || -> Status { bench.client().ask_for(&request("GET", "/status")).unwrap() };
    assert!(status().ready && status().last_reload.is_none());
    let dry: Reloaded = bench.post("/reload?dry-run").unwrap();
    assert_eq!((dry.dry_run, dry.kept, &*dry.removed), (true, 2, &["night.fast".to_owned()][..]));
    assert_eq!(dry.options, ["log.level"]);
    let refused = ("a.toml:1:1: no\nyes".to_owned(), true);
    assert_eq!(refusal(bench.post::<Reloaded>("/reload")), refused);
    let status = status();
    assert_eq!((&*status.program, status.version, status.workers), ("scribe", None, 3));
    assert_eq!(status.since, "1970-01-01T00:00:01.500Z");
    match status.last_reload.unwrap().outcome {
        ReloadOutcome::Refused(why) => assert_eq!((why.error, why.is_mistake), refused),
        ReloadOutcome::Changes(_) => panic!("it was refused"),
    }
    assert_eq!(*bench.scribe.asked.lock(), ["reload DryRun", "reload Change"]);
}

#[test]
fn services_of_a_tree_that_is_not_running_can_not_be_changed() {
    let bench = Bench::new();
    for word in ["stop", "start", "restart"] {
        let (error, is_mistake) =
            refusal(bench.client().ask(&request("POST", &format!("/services/a/{word}"))));
        assert_eq!((&*error, is_mistake), ("the application is not running", false));
    }
}

#[test]
fn the_client_knows_which_process_has_opened_the_socket() {
    let bench = Bench::new();
    assert_eq!(bench.client().pid(), Some(std::process::id()));
    let nowhere = Client::connect(&bench.directory.path().join("nowhere"));
    assert!(matches!(nowhere, Err(ConnectError::Absent)));
    let stale = bench.directory.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    assert!(matches!(Client::connect(&stale), Err(ConnectError::Absent)));
}

#[test]
fn whoever_does_not_answer_is_not_waited_for_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("silent");
    let listener = UnixListener::bind(&socket).unwrap();
    let ask = |timeout| {
        Client::connect(&socket).unwrap().ask(&Request {
            method: "GET",
            target: "/status",
            timeout,
        })
    };
    let late = ask(Duration::from_millis(20));
    assert!(matches!(late, Err(AskError::TooLate(_))), "{late:?}");
    let closes = thread::spawn(move || {
        drop(listener.accept().unwrap()); // the first one, which has given up
        drop(listener.accept().unwrap());
    });
    let cut = ask(Duration::from_secs(60));
    assert!(matches!(cut, Err(AskError::Cut)), "{cut:?}");
    closes.join().unwrap();
}

#[test]
fn of_those_who_do_not_receive_their_answers_the_oldest_is_cut_in_favour_of_a_new_request() {
    let bench = Bench::new();
    let reason = "x".repeat(4 << 20); // more than the kernel takes
    let outcome = Err(Refusal { reason, is_mistake: false });
    *bench.scribe.last.lock() = Some(LastReload { ended: SystemTime::UNIX_EPOCH, outcome });
    let slow = |_| {
        let mut stream = UnixStream::connect(bench.directory.path().join("socket")).unwrap();
        stream.write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        stream.read_exact(&mut [0]).unwrap(); // the answer has begun
        stream
    };
    let mut slow: Vec<UnixStream> = (0..LIMITS.in_progress).map(slow).collect();
    bench.post::<Stopping>("/stop").unwrap();
    let length = |mut stream: UnixStream| stream.read_to_end(&mut Vec::new()).unwrap();
    let newest = length(slow.pop().unwrap());
    assert!(newest > 4 << 20, "{newest}");
    assert!(length(slow.remove(0)) < newest);
}
