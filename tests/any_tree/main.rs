//! A reload of any tree into any other one gives what a fresh start of that would give.
//!
//! It is the only test of its program, since it counts the descriptors of the process. `PROPTEST_CASES` sets the number
//! of cases.

mod plan;

use plan::{ADDRESSES, POEMS, any_tree, file, port};
use poetryd::config::{self, Registry};
use poetryd::service::{Application, ReloadMode, Resources, Workers};
use poetryd::sockets::{Endpoint, Sockets};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

/// The number of cases, unless `PROPTEST_CASES` is set.
const CASES: u32 = 40;

/// Only bounds a hang.
const LIMIT: Duration = Duration::from_secs(20);

/// What stays on a worker that has had a listener: the tasks of its two alarms.
const LASTING_TASKS: usize = 2;

/// An application file, and the number of the text in each poem's file.
type Step = (String, [u8; POEMS as usize]);

/// What is seen of a running application.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Path, kind, state and status, in order.
    services: Vec<String>,
    /// Which service has which address.
    sockets: Vec<String>,
    /// What clients get, by address; for socket files, also their mode.
    served: Vec<(String, u32, Vec<u8>)>,
}

/// An application that runs.
struct Running {
    application: Application,
    sockets: Sockets,
}

/// An address of the loopback interface that no other test, and no other run of this one, uses.
fn host() -> String {
    let id = std::process::id();
    format!("127.{}.{}.{}", 100 + (id >> 16) % 100, (id >> 8) & 255, id & 255)
}

fn parse(text: &str) -> Application {
    let mut registry = Registry::new();
    poetryd::poetry::register(&mut registry);
    let parsed = config::parse("any.toml", text, &registry, |_| ());
    parsed.unwrap_or_else(|e| panic!("{e}\n{text}")).0
}

fn write_poems(texts: &[u8]) {
    for (number, text) in texts.iter().enumerate() {
        fs::write(format!("poem-{number}"), format!("poem {number}, version {text}\n")).unwrap();
    }
}

impl Running {
    async fn start(step: &Step) -> Self {
        write_poems(&step.1);
        let mut application = parse(&step.0);
        let (sockets, resources) = (Sockets::new(), Resources::new());
        sockets.lend(&resources);
        application.privileged_start(&resources).unwrap();
        application.start(&resources, Workers::current()).await.unwrap();
        Self { application, sockets }
    }

    async fn reload(&self, step: &Step) {
        write_poems(&step.1);
        let reload = self.application.tree().reload(parse(&step.0), ReloadMode::Change);
        let reloaded = timeout(LIMIT, reload).await.expect("a reload hangs");
        reloaded.unwrap_or_else(|e| panic!("{e}\n{}", step.0));
        let deadline = Instant::now() + LIMIT;
        while !self.application.tree().draining().is_empty() {
            assert!(Instant::now() < deadline, "what was replaced does not end");
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn see(&self) -> Seen {
        let services = self.application.tree().list();
        let services = services.iter().map(|service| {
            format!("{} {} {} {:?}", service.path, service.kind, service.state, service.status)
        });
        let open = self.sockets.list();
        let mut sockets: Vec<String> = open.iter().map(ToString::to_string).collect();
        let mut served = Vec::new();
        for socket in &open {
            let (mode, text) = match &socket.endpoint {
                Endpoint::Unix(file) => {
                    let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
                    (mode, read(UnixStream::connect(file).await.unwrap()).await)
                }
                endpoint => {
                    let address = endpoint.address().unwrap();
                    (0, read(TcpStream::connect(address).await.unwrap()).await)
                }
            };
            served.push((socket.endpoint.to_string(), mode, text));
        }
        sockets.sort();
        served.sort();
        Seen { services: services.collect(), sockets, served }
    }

    async fn stop(mut self) {
        self.application.stop(Instant::now() + LIMIT).await.unwrap();
        assert!(self.sockets.list().is_empty(), "{:?}", self.sockets.list());
    }
}

async fn read(mut client: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut text = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut text)).await.expect("a client hangs").unwrap();
    text
}

/// Nothing of what has run is left in the process.
fn assert_nothing_left(runtime: &Runtime) {
    let deadline = std::time::Instant::now() + LIMIT;
    while runtime.metrics().num_alive_tasks() > LASTING_TASKS {
        assert!(std::time::Instant::now() < deadline, "a task is left");
        runtime.block_on(async { sleep(Duration::from_millis(1)).await });
    }
    for address in 0..ADDRESSES {
        std::net::TcpListener::bind((host(), port(address))).unwrap();
        assert!(!fs::exists(format!("socket-{address}")).unwrap());
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn new_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn check(steps: &[Step]) {
    let descriptors = open_descriptors();
    let runtime = new_runtime();
    let reloaded = runtime.block_on(async {
        let running = Running::start(&steps[0]).await;
        let mut seen = vec![running.see().await];
        for step in &steps[1..] {
            running.reload(step).await;
            seen.push(running.see().await);
        }
        running.stop().await;
        seen
    });
    assert_nothing_left(&runtime);
    drop(runtime);
    assert_eq!(open_descriptors(), descriptors, "descriptors are left");
    let runtime = new_runtime();
    for (step, reloaded) in steps.iter().zip(reloaded) {
        let fresh = runtime.block_on(async {
            let running = Running::start(step).await;
            let seen = running.see().await;
            running.stop().await;
            seen
        });
        assert_eq!(reloaded, fresh, "{}", step.0);
    }
}

#[test]
fn any_tree_that_becomes_any_other_one_is_as_after_a_fresh_start() {
    let directory = tempfile::tempdir().unwrap();
    std::env::set_current_dir(directory.path()).unwrap();
    let host = host();
    let texts = prop::array::uniform3(0..3u8);
    let step = (any_tree(), texts).prop_map(move |(tree, texts)| (file(&tree, &host), texts));
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::with_cases(cases.unwrap_or(CASES))
    };
    let tested = TestRunner::new(config).run(&vec(step, 2..5), |steps| {
        check(&steps);
        Ok(())
    });
    tested.unwrap_or_else(|e| panic!("{e}"));
}
