//! What services count, over real connections, reloads and restarts.

use super::*;
use crate::config::parse;
use crate::service::{Application, ReloadMode, Resources, ServicePath, Workers};
use crate::sockets::Sockets;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, timeout};

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

/// An application with one service, called `served`.
struct Running {
    application: Application,
    sockets: Sockets,
}

fn application(file: &str) -> Application {
    let mut registry = Registry::new();
    register(&mut registry);
    parse("test.toml", file, &registry, |_| ()).unwrap().0
}

/// A file with a listener that speaks this protocol.
fn listener(protocol: &str, keys: &str) -> String {
    format!(
        "[services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
         protocol = \"{protocol}\"\n{keys}\n"
    )
}

fn served() -> ServicePath {
    "served".parse().unwrap()
}

impl Running {
    async fn start(file: &str) -> Self {
        let mut application = application(file);
        let (sockets, resources) = (Sockets::new(), Resources::new());
        sockets.lend(&resources);
        application.privileged_start(&resources).unwrap();
        application.start(&resources, Workers::current()).await.unwrap();
        Self { application, sockets }
    }

    async fn reload(&self, file: &str) -> bool {
        let reload = self.application.tree().reload(application(file), ReloadMode::Change);
        timeout(LIMIT, reload).await.expect("the reload hangs").is_ok()
    }

    async fn restart(&self) {
        self.application.tree().restart(&served()).await.unwrap();
    }

    fn address(&self) -> SocketAddr {
        self.sockets.list()[0].endpoint.address().unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// The answer to this.
    async fn ask(&self, request: &[u8]) -> Vec<u8> {
        let mut client = self.connect().await;
        client.write_all(request).await.unwrap();
        client.shutdown().await.unwrap();
        all_of(client).await
    }

    /// What is counted under names that start like this: `hits 1, fetches 2, refused late 1`.
    fn counts(&self, start: &str) -> String {
        let report = self.application.tree().report(&served()).unwrap();
        let counts = report.counters.iter().filter_map(|sample| {
            let name = sample.name.strip_prefix(start)?;
            let labels = sample.labels.iter().filter(|(label, _)| *label != "address");
            let words = [name].into_iter().chain(labels.map(|(_, value)| &**value));
            let value = sample.value.to_string();
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).chain([&*value]).collect();
            Some(words.join(" "))
        });
        counts.collect::<Vec<_>>().join(", ")
    }

    /// Waits until exactly this is counted.
    async fn counts_become(&self, start: &str, counts: &str) {
        let wait = async {
            while self.counts(start) != counts {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(LIMIT, wait).await;
        waited.unwrap_or_else(|_| panic!("{} instead of {counts}", self.counts(start)));
    }

    async fn stop(mut self) {
        self.application.stop(Instant::now() + LIMIT).await.unwrap();
    }
}

async fn all_of(mut client: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut bytes)).await.expect("the server never closes").unwrap();
    bytes
}

#[tokio::test]
async fn a_proxy_counts_fetches_and_what_became_of_them_and_clients_that_it_spared_one() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = format!("upstream = \"{}\"", upstream.local_addr().unwrap());
    let proxy = Running::start(&listener("proxy", &key)).await;
    let counts = |hits: u64, fetches: u64, waits: u64, failures: u64, abandoned: u64| {
        format!(
            "hits {hits}, fetches {fetches}, waits {waits}, fetch_failures {failures}, \
             fetches_abandoned {abandoned}"
        )
    };
    assert_eq!(proxy.counts("proxy_"), counts(0, 0, 0, 0, 0));

    let first = proxy.connect().await;
    let (mut connection, _) = upstream.accept().await.unwrap();
    let second = proxy.connect().await;
    proxy.counts_become("proxy_", &counts(0, 1, 1, 0, 0)).await;
    connection.write_all(b"a poem").await.unwrap();
    drop(connection);
    for client in [first, second, proxy.connect().await, proxy.connect().await] {
        assert_eq!(all_of(client).await, b"a poem");
    }
    assert_eq!(proxy.counts("proxy_"), counts(2, 1, 1, 0, 0));

    assert!(proxy.reload(&listener("proxy", &format!("{key}\nttl = 3600"))).await);
    let client = proxy.connect().await;
    drop(upstream.accept().await.unwrap());
    assert_eq!(all_of(client).await, b"");
    assert_eq!(proxy.counts("proxy_"), counts(2, 2, 1, 1, 0));

    proxy.restart().await;
    let client = proxy.connect().await;
    let _connection = upstream.accept().await.unwrap();
    drop(client);
    proxy.counts_become("proxy_", &counts(2, 3, 1, 1, 1)).await;
    proxy.stop().await;
}

/// All counters of a transform service, of which these are not 0.
fn transform_counts(requests: &[(&str, u64)], refused: &[(&str, u64)], waits: u64) -> String {
    let of = |counts: &[(&str, u64)], name: &str| {
        counts.iter().find(|(counted, _)| *counted == name).map_or(0, |(_, count)| *count)
    };
    let names = ["cummingsify", "shout", "rot13", "mirror", "envoi", "number"];
    let reasons = ["malformed", "too_long", "unknown", "incomplete", "late"];
    let requests = names.map(|name| format!("requests {name} {}", of(requests, name)));
    let refused =
        reasons.map(|reason| format!("requests_refused {reason} {}", of(refused, reason)));
    let memory = [format!("memory_waits {waits}")];
    requests.into_iter().chain(refused).chain(memory).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_transform_service_counts_requests_by_transform_and_refusals_by_reason() {
    let keys = "max-length = 5000\nrequest-memory = 2000";
    let service = Running::start(&listener("transform", keys)).await;
    assert_eq!(service.counts("transform_"), transform_counts(&[], &[], 0));

    assert_eq!(service.ask(b"14:cummingsify.Oh,").await, b"2:oh,");
    assert_eq!(service.ask(b"14:cummingsify.Ah,").await, b"2:ah,");
    assert_eq!(service.ask(b"8:shout.oh,").await, b"2:OH,");
    let refused: [&[u8]; 8] =
        [b"poem", b"2:oh,", b"8:shout.oh!", b"5001:", b"2001:", b"7:whisper", b"8:shout.o", b""];
    for request in refused {
        assert_eq!(service.ask(request).await, b"", "{request:?}");
    }
    let requests = [("cummingsify", 2), ("shout", 1)];
    let refused = [("malformed", 3), ("too_long", 2), ("incomplete", 3)];
    assert_eq!(service.counts("transform_"), transform_counts(&requests, &refused, 0));

    for number in 0..100 {
        let name = format!("name{number:03}.oh");
        assert_eq!(service.ask(format!("{}:{name},", name.len()).as_bytes()).await, b"");
    }
    let refused = [("malformed", 3), ("too_long", 2), ("incomplete", 3), ("unknown", 100)];
    assert_eq!(service.counts("transform_"), transform_counts(&requests, &refused, 0));

    assert!(service.reload(&listener("transform", "read-timeout = 0.05")).await);
    assert_eq!(all_of(service.connect().await).await, b"");
    let refused = [&refused[..], &[("late", 1)]].concat();
    assert_eq!(service.counts("transform_"), transform_counts(&requests, &refused, 0));
    service.stop().await;
}

#[tokio::test]
async fn requests_that_wait_for_memory_are_counted_also_after_a_restart() {
    let service = Running::start(&listener("transform", "request-memory = 2000")).await;
    for round in 1..=2 {
        let (mut one, mut other) = (service.connect().await, service.connect().await);
        one.write_all(b"2000:").await.unwrap();
        other.write_all(b"2000:").await.unwrap();
        let requests = [("mirror", 2 * round - 2)];
        service.counts_become("transform_", &transform_counts(&requests, &[], round)).await;
        let request = format!("mirror.{:1993},", "");
        one.write_all(request.as_bytes()).await.unwrap();
        other.write_all(request.as_bytes()).await.unwrap();
        for client in [one, other] {
            assert_eq!(all_of(client).await.len(), "1993:,".len() + 1993);
        }
        let requests = [("mirror", 2 * round)];
        assert_eq!(service.counts("transform_"), transform_counts(&requests, &[], round));
        service.restart().await;
    }
    service.stop().await;
}

#[tokio::test]
async fn a_forwarder_counts_bytes_as_they_pass_and_targets_that_can_not_be_reached() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = format!("to = \"{}\"", target.local_addr().unwrap());
    let file = listener("forward", &key);
    let forwarder = Running::start(&file).await;
    let talk = async || {
        let mut client = forwarder.connect().await;
        let (mut connection, _) = target.accept().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        connection.read_exact(&mut [0; 5]).await.unwrap();
        connection.write_all(b"goodbye").await.unwrap();
        client.read_exact(&mut [0; 7]).await.unwrap();
        (client, connection)
    };
    let counts = |talks: u64, failures: u64| {
        format!(
            "to_target_bytes {}, to_client_bytes {}, connect_failures {failures}",
            5 * talks,
            7 * talks
        )
    };
    assert_eq!(forwarder.counts("forward_"), counts(0, 0));
    let (client, connection) = talk().await;
    assert_eq!(forwarder.counts("forward_"), counts(1, 0));
    assert_eq!(forwarder.counts("received_bytes"), "0", "the listener counts at the end");
    drop(connection);
    assert_eq!(all_of(client).await, b"");
    forwarder.counts_become("received_bytes", "5").await;
    assert_eq!(forwarder.counts("sent_bytes"), "7");

    // Nobody listens on this port, and nobody else can.
    let down = TcpSocket::new_v4().unwrap();
    down.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let key = format!("to = \"{}\"", down.local_addr().unwrap());
    assert!(forwarder.reload(&listener("forward", &key)).await);
    for failures in 1..=3 {
        let mut bytes = Vec::new();
        let end = forwarder.connect().await.read_to_end(&mut bytes).await;
        assert!(end.is_err() && bytes.is_empty());
        forwarder.counts_become("forward_", &counts(1, failures)).await;
    }
    assert!(forwarder.reload(&file).await);
    forwarder.restart().await;
    drop(talk().await);
    assert_eq!(forwarder.counts("forward_"), counts(2, 3));
    forwarder.stop().await;
}

#[tokio::test]
async fn the_size_of_a_poem_is_that_of_the_text_in_memory_whatever_reloads_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let poem = |service: &str, name: &str| {
        let file = folder.path().join(name);
        format!("[services.{service}]\nkind = \"poem\"\nfile = \"{}\"\n", file.display())
    };
    write("one", "four");
    write("other", "and eleven.");
    let running = Running::start(&poem("served", "one")).await;
    assert_eq!(running.counts("poem_bytes"), "4");
    write("one", "a longer one");
    assert_eq!(running.counts("poem_bytes"), "4");
    assert!(running.reload(&poem("served", "one")).await);
    assert_eq!(running.counts("poem_bytes"), "12");
    write("one", "");
    running.restart().await;
    assert_eq!(running.counts("poem_bytes"), "0");

    let fails = poem("served", "other") + &poem("more", "missing");
    assert!(!running.reload(&fails).await);
    assert_eq!(running.counts("poem_bytes"), "0", "the reload has changed nothing");
    assert!(running.reload(&poem("served", "other")).await);
    assert_eq!(running.counts("poem_bytes"), "11");
    assert!(running.reload(&listener("transform", "")).await);
    running.counts_become("poem_bytes", "").await;
    running.stop().await;
}

#[tokio::test]
async fn a_quote_server_counts_what_it_answers_and_what_it_does_not() {
    let poem = concat!(env!("CARGO_MANIFEST_DIR"), "/poetry/ecstasy.txt");
    let file = format!(
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"{poem}\"\n[services.served]\nkind = \"quote\"\n\
         interface = \"127.0.0.1\"\nport = 0\npoem = \"ecstasy\"\nmax-reply = 100\n\
         replies-per-second = "
    );
    let running = Running::start(&format!("{file} 1000000")).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (mut answer, mut bytes) = ([0; 200], 0);
    for changed in [false, false, true] {
        if changed {
            assert!(running.reload(&format!("{file} 1000")).await);
        }
        client.send_to(b"?", running.address()).await.unwrap();
        bytes += timeout(LIMIT, client.recv(&mut answer)).await.unwrap().unwrap();
    }
    let unanswered = ["rate", "crowd", "refused", "responder", "system"];
    let unanswered = unanswered.map(|reason| format!("unanswered {reason} 0")).join(", ");
    running.counts_become("datagrams_", &format!("received 3, answered 3, {unanswered}")).await;
    assert_eq!(running.counts("sent_bytes"), bytes.to_string());
    running.stop().await;
}
