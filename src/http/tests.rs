//! Clients in memory: who is cut in favour of whom.

use super::{Clients, Crowd, Limits, Thread, accept};
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::time::Instant;

const LIMITS: Limits = Limits {
    silent: 2,
    in_progress: 2,
    request_timeout: Duration::from_secs(10),
    answer_timeout: Duration::from_secs(30),
};

/// The length of a large answer, and what fits between a client and the server.
const LARGE: usize = 1 << 20;
const BUFFER: usize = 1024;

struct Door(Mutex<mpsc::Receiver<DuplexStream>>);

impl Clients for Door {
    type Stream = DuplexStream;
    type Client = ();

    async fn next(&self) -> io::Result<(DuplexStream, ())> {
        match self.0.lock().await.recv().await {
            Some(stream) => Ok((stream, ())),
            None => std::future::pending().await,
        }
    }
}

/// A server. `/large` has a large answer, `/wait` one when there is a permit.
struct Bench {
    crowd: Arc<Crowd>,
    permits: Arc<Semaphore>,
    door: mpsc::Sender<DuplexStream>,
}

impl Bench {
    fn new() -> Self {
        let (door, clients) = mpsc::channel(1);
        let (crowd, permits) = (Crowd::new(LIMITS), Arc::new(Semaphore::new(0)));
        let waits = permits.clone();
        let router = Router::new()
            .route("/small", get(async || "small"))
            .route("/large", get(async || "x".repeat(LARGE)))
            .route("/wait", get(async move || waits.acquire().await.map_or("", |_| "waited")));
        let refuse: fn() -> Response = || StatusCode::SERVICE_UNAVAILABLE.into_response();
        tokio::spawn(accept("a test", Door(Mutex::new(clients)), router, crowd.clone(), refuse));
        Self { crowd, permits, door }
    }

    async fn client(&self) -> DuplexStream {
        let (here, there) = duplex(BUFFER);
        self.door.send(there).await.unwrap();
        settle().await;
        here
    }

    /// A client who has asked for this.
    async fn asks(&self, target: &str) -> DuplexStream {
        let mut client = self.client().await;
        ask(&mut client, target).await;
        client
    }
}

async fn ask(client: &mut DuplexStream, target: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    settle().await;
}

/// Lets all tasks go on as far as they can.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn rest(mut client: DuplexStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(start_paused = true)]
async fn the_oldest_silent_one_is_cut_in_favour_of_a_new_one() {
    let bench = Bench::new();
    let (first, mut second, mut third) =
        (bench.client().await, bench.client().await, bench.client().await);
    assert_eq!(rest(first).await, "");
    for client in [&mut second, &mut third] {
        ask(client, "/small").await;
    }
    for client in [second, third] {
        assert!(rest(client).await.ends_with("\r\n\r\nsmall"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_who_does_not_receive_its_answer_is_cut_in_favour_of_a_new_request() {
    let bench = Bench::new();
    let (first, second) = (bench.asks("/large").await, bench.asks("/large").await);
    assert!(rest(bench.asks("/small").await).await.ends_with("\r\n\r\nsmall"));
    assert!(rest(first).await.len() <= BUFFER);
    assert!(rest(second).await.len() > LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_new_request_is_refused_if_no_other_is_answered_yet() {
    let bench = Bench::new();
    let (first, second) = (bench.asks("/wait").await, bench.asks("/wait").await);
    assert!(rest(bench.asks("/small").await).await.starts_with("HTTP/1.1 503 "));
    bench.permits.add_permits(1);
    for client in [first, second] {
        assert!(rest(client).await.ends_with("\r\n\r\nwaited"));
    }
    assert!(rest(bench.asks("/small").await).await.ends_with("\r\n\r\nsmall"));
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_too_long_is_cut_but_not_while_the_answer_is_made() {
    let bench = Bench::new();
    let begin = Instant::now();
    let mut half = bench.client().await;
    half.write_all(b"GET /small HTT").await.unwrap();
    assert_eq!(rest(half).await, "");
    assert_eq!(begin.elapsed().as_secs(), LIMITS.request_timeout.as_secs());
    let begin = Instant::now();
    let slow = bench.asks("/large").await;
    let waits = bench.asks("/wait").await;
    tokio::time::sleep(LIMITS.answer_timeout + Duration::from_secs(1)).await;
    assert!(rest(slow).await.len() <= BUFFER);
    tokio::time::sleep(LIMITS.answer_timeout).await;
    bench.permits.add_permits(1);
    assert!(rest(waits).await.ends_with("\r\n\r\nwaited"));
    assert!(begin.elapsed() >= LIMITS.answer_timeout * 2);
}

#[cfg(feature = "web")]
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_short_time_for_requests_and_then_for_answers() {
    let bench = Bench::new();
    let (silent, waits) = (bench.client().await, bench.asks("/wait").await);
    let end = tokio::spawn({
        let crowd = bench.crowd.clone();
        async move { crowd.ends().await }
    });
    assert_eq!(rest(silent).await, "");
    assert!(!end.is_finished(), "somebody is still served");
    bench.permits.add_permits(1);
    assert!(rest(waits).await.ends_with("\r\n\r\nwaited"));
    end.await.unwrap();
    let _never_reads = bench.asks("/large").await;
    bench.crowd.ends().await;
}

#[tokio::test(start_paused = true)]
async fn of_those_who_have_left_nothing_is_kept() {
    let bench = Bench::new();
    for number in 0..100 {
        let client = match number % 3 {
            0 => bench.client().await,
            1 => bench.asks("/small").await,
            _ => bench.asks("/large").await,
        };
        drop(client);
        settle().await;
        assert_eq!(bench.crowd.size(), (0, 0), "{number}");
    }
}

#[tokio::test]
async fn a_thread_that_is_not_started_can_be_dropped_within_a_task() {
    let thread = Thread::new("test").unwrap();
    tokio::spawn(async move { drop(thread) }).await.unwrap();
}
