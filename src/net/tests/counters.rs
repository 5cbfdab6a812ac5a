//! What is counted of connections, whichever way they end.

use super::closing::{SPEECH, Saying, narrow_client, saying_it};
use super::sharing::two_workers;
use super::*;
use crate::service::{Sample, SampleKind, ServicePath};
use futures::future::join_all;
use socket2::SockRef;
use std::sync::atomic::AtomicBool;
use std::thread;

/// The numbers of an application's service `server`, at one moment.
pub(super) struct Numbers(Vec<Sample>);

pub(super) fn server() -> ServicePath {
    "server".parse().unwrap()
}

impl Numbers {
    pub(super) fn of(application: &Application) -> Self {
        Self(application.tree().report(&server()).unwrap().counters)
    }

    /// Those for which `is_enough` holds, as soon as it does.
    pub(super) async fn when(application: &Application, is_enough: impl Fn(&Self) -> bool) -> Self {
        let numbers = async {
            loop {
                let numbers = Self::of(application);
                if is_enough(&numbers) {
                    return numbers;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(LIMIT, numbers).await;
        waited.unwrap_or_else(|_| panic!("waited in vain: {:?}", Self::of(application).0))
    }

    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.iter().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
    }

    /// The reasons that occur with this number, and how often.
    pub(super) fn reasons(&self, name: &str) -> Vec<String> {
        let occurs = |sample: &&Sample| sample.name == name && sample.value > 0;
        self.0.iter().filter(occurs).map(|s| format!("{} {}", s.labels[0].1, s.value)).collect()
    }

    fn assert_law(&self) {
        let ends = ["connections_open", "connections_completed", "connections_failed"];
        let ends: u64 = ends.into_iter().map(|name| self.get(name)).sum();
        assert_eq!(self.get("connections_opened"), ends, "{:?}", self.0);
    }
}

/// How all of so many connections have ended, when they have: `completed 1, reset 2`.
async fn ends(application: &Application, opened: u64) -> String {
    let all_ended = |numbers: &Numbers| {
        numbers.assert_law();
        (numbers.get("connections_opened"), numbers.get("connections_open")) == (opened, 0)
    };
    let numbers = Numbers::when(application, all_ended).await;
    let completed = numbers.get("connections_completed");
    let mut ends = numbers.reasons("connections_failed");
    if completed > 0 {
        ends.insert(0, format!("completed {completed}"));
    }
    ends.join(", ")
}

fn reset(client: impl std::os::fd::AsFd) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

fn patient_for(milliseconds: u64) -> ServerOptions {
    let time = Duration::from_millis(milliseconds);
    ServerOptions { write_timeout: time, linger_timeout: time, ..Default::default() }
}

/// More than all buffers between two sockets hold.
fn long_speech() -> Saying {
    Saying(vec![b'l'; 20_000_000].into())
}

#[tokio::test]
async fn a_conversation_is_open_until_it_is_completed() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    let numbers = Numbers::of(&running.application);
    numbers.assert_law();
    assert_eq!((numbers.get("connections_opened"), numbers.get("connections_open")), (1, 1));
    assert_good_end(client).await;
    assert_eq!(ends(&running.application, 1).await, "completed 1");
    let numbers = Numbers::of(&running.application);
    assert_eq!((numbers.get("sent_bytes"), numbers.get("received_bytes")), (5, 5));
}

#[tokio::test]
async fn a_monologue_is_completed_when_the_client_has_closed() {
    for (speech, bytes) in [(Saying("words".into()), 5), (long_speech(), 20_000_000)] {
        let running = Running::start(speech, ServerOptions::default()).await;
        let mut client = running.connect().await;
        assert_eq!(read_all(&mut client).await.unwrap().len(), bytes);
        drop(client);
        assert_eq!(ends(&running.application, 1).await, "completed 1");
        assert_eq!(Numbers::of(&running.application).get("sent_bytes"), bytes as u64);
    }
}

#[tokio::test]
async fn what_is_left_to_the_kernel_is_completed() {
    let running = Running::start(saying_it(), patient_for(1)).await;
    let mut stays = running.connect().await;
    assert!(read_all(&mut stays).await.unwrap() == SPEECH);
    assert_eq!(ends(&running.application, 1).await, "completed 1", "it has everything");

    let mut running = Running::start(saying_it(), ServerOptions::default()).await;
    let client = narrow_client(running.address);
    client.readable().await.unwrap();
    running.application.close();
    running.application.stop(Instant::now()).await.unwrap();
    assert_eq!(ends(&running.application, 1).await, "completed 1", "all of it was sent");
}

#[tokio::test]
async fn who_leaves_before_anything_was_sent_is_gone() {
    let at_once = |address| reset(std::net::TcpStream::connect(address).unwrap());
    let workers = Workers::current();
    let running = Running::start_on(workers, saying_it(), Default::default(), at_once).await;
    assert_eq!(ends(&running.application, 1).await, "gone 1");

    let running = Running::start(Echo, ServerOptions::default()).await;
    reset(running.connect().await);
    assert_eq!(ends(&running.application, 1).await, "gone 1");
}

#[tokio::test]
async fn who_breaks_off_later_is_a_reset() {
    for speech in [saying_it(), long_speech()] {
        let running = Running::start(speech, ServerOptions::default()).await;
        let client = running.connect().await;
        client.readable().await.unwrap();
        reset(client);
        assert_eq!(ends(&running.application, 1).await, "reset 1");
    }
    let running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    reset(client);
    assert_eq!(ends(&running.application, 1).await, "reset 1", "though the protocol ends well");
}

#[tokio::test]
async fn who_takes_nothing_is_timed_out() {
    for speech in [saying_it(), long_speech()] {
        let running = Running::start(speech, patient_for(1)).await;
        let client = narrow_client(running.address);
        assert_eq!(ends(&running.application, 1).await, "timeout 1");
        assert!(Numbers::of(&running.application).get("sent_bytes") > 0);
        drop(client);
    }
    let (told, _outcome) = mpsc::unbounded_channel();
    let running = Running::start(Endless(told), patient_for(1)).await;
    let client = running.connect().await;
    assert_eq!(ends(&running.application, 1).await, "timeout 1");
    drop(client);
}

#[tokio::test]
async fn a_protocol_that_panics_or_fails_is_the_protocol() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    for last_word in [b"panic", b"fail!"] {
        let mut client = running.connect().await;
        assert_echo(&mut client).await;
        client.write_all(last_word).await.unwrap();
        assert_reset(&mut client).await;
    }
    assert_eq!(ends(&running.application, 2).await, "protocol 2");
    let numbers = Numbers::of(&running.application);
    assert_eq!((numbers.get("sent_bytes"), numbers.get("received_bytes")), (10, 20));

    let running = Running::start(Speaker::new("words"), ServerOptions::default()).await;
    for _ in 0..2 {
        let client = TcpStream::connect(running.address).await; // the reset may come before this returns
        if let Ok(mut client) = client {
            let _ = read_all(&mut client).await;
        }
    }
    assert_eq!(ends(&running.application, 2).await, "completed 1, protocol 1");
}

#[tokio::test]
async fn what_a_stop_does_not_let_finish_is_cut() {
    let mut running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    running.application.close();
    running.application.stop(Instant::now()).await.unwrap();
    assert_eq!(ends(&running.application, 1).await, "cut 1");
    assert_eq!(Numbers::of(&running.application).get("sent_bytes"), 5);

    let mut running = Running::start(long_speech(), ServerOptions::default()).await;
    let client = running.connect().await;
    client.readable().await.unwrap();
    running.application.close();
    running.application.stop(Instant::now()).await.unwrap();
    assert_eq!(ends(&running.application, 1).await, "cut 1");
    let sent = |numbers: &Numbers| numbers.get("sent_bytes") > 0;
    Numbers::when(&running.application, sent).await;
}

#[tokio::test]
async fn the_counters_of_an_address_survive_a_restart() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    for round in 1..=3 {
        let mut client = running.connect().await;
        assert_echo(&mut client).await;
        assert_good_end(client).await;
        assert_eq!(ends(&running.application, round).await, format!("completed {round}"));
        running.application.tree().restart(&server()).await.unwrap();
        let numbers = Numbers::of(&running.application);
        assert_eq!(numbers.get("connections_opened"), round);
        assert_eq!(numbers.get("received_bytes"), 5 * round);
        let report = running.application.tree().report(&server()).unwrap();
        assert_eq!(report.status, Some(running.address.to_string()));
    }
}

#[tokio::test]
async fn each_number_has_its_address_and_its_kind() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    let samples = Numbers::of(&running.application).0;
    let address = ("address", running.address.to_string());
    assert!(samples.iter().all(|sample| sample.labels.contains(&address)), "{samples:?}");
    let gauges = samples.iter().filter(|sample| sample.kind == SampleKind::Gauge);
    assert_eq!(gauges.map(|sample| &*sample.name).collect::<Vec<_>>(), ["connections_open"]);
}

#[tokio::test]
async fn a_unix_server_counts_too() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("poem.sock");
    let mut application = Application::new("test");
    application.add("server", UnixServer::new(&path, |_| Ok(saying_it()))).unwrap();
    let resources = Resources::new();
    Sockets::new().lend(&resources);
    application.privileged_start(&resources).unwrap();
    application.start(&resources, Workers::current()).await.unwrap();
    let connect = || tokio::net::UnixStream::connect(&path);
    let mut reads = connect().await.unwrap();
    let mut speech = Vec::new();
    reads.read_to_end(&mut speech).await.unwrap();
    assert!(speech == SPEECH);
    drop(reads);
    assert_eq!(ends(&application, 1).await, "completed 1");
    let leaves = connect().await.unwrap();
    leaves.readable().await.unwrap();
    drop(leaves);
    assert_eq!(ends(&application, 2).await, "completed 1, reset 1");
    let report = application.tree().report(&server()).unwrap();
    assert_eq!(report.status.as_deref(), path.to_str());
    application.close();
    application.stop(Instant::now() + LIMIT).await.unwrap();
}

/// Greets every second client, and says a long speech or echoes to the others, whom it panics at now and then.
struct Moody(AtomicUsize);

#[async_trait]
impl Protocol for Moody {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        match self.0.fetch_add(1, Ordering::Relaxed) % 8 {
            1 => Some(vec![b'l'; 8_000_000].into()),
            3 => panic!("not today"),
            5 | 7 => None,
            _ => Some("words".into()),
        }
    }

    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        Echo.converse(connection).await
    }
}

/// A client that behaves in one of several ways, or whose connection fails meanwhile.
async fn behave(address: SocketAddr, how: usize) -> io::Result<()> {
    let mut client = TcpStream::connect(address).await?;
    match how {
        0 => reset(client),
        1 => {
            client.write_all(b"hello").await?;
            client.readable().await?;
            reset(client);
        }
        2 => client.write_all(b"panic").await?,
        3 => client.write_all(b"hello").await?,
        4 => {
            client.write_all(b"hellofail!").await?;
            let _ = read_all(&mut client).await;
        }
        _ => {
            client.shutdown().await?;
            read_all(&mut client).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_connection_that_was_opened_ends_once_and_is_open_until_then() {
    const CLIENTS: usize = 140;
    let moody = Moody(AtomicUsize::new(0));
    let options = ServerOptions::default();
    let mut running = Running::start_on(two_workers(), moody, options, |_| {}).await;
    let stays = running.connect().await;
    let (is_over, tree) = (Arc::new(AtomicBool::new(false)), running.application.tree().clone());
    let watcher = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                Numbers(tree.report(&server()).unwrap().counters).assert_law();
            }
        }
    });
    let clients = (0..CLIENTS).map(|n| behave(running.address, n * 5 % 7));
    timeout(LIMIT, join_all(clients)).await.unwrap(); // whatever became of them
    let accepted = |numbers: &Numbers| numbers.get("connections_opened") == CLIENTS as u64 + 1;
    Numbers::when(&running.application, accepted).await;
    running.application.close();
    running.application.stop(Instant::now()).await.unwrap();
    drop(stays);
    let ends = ends(&running.application, CLIENTS as u64 + 1).await;
    for end in ["completed", "protocol"] {
        assert!(ends.contains(end), "{ends}");
    }
    is_over.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
}
