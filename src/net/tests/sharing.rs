//! Which of two workers takes the clients of one listener.

use super::super::accept::BATCH;
use super::super::duty::MAX_FULL_BATCHES;
use super::*;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::future::pending;
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use tokio::runtime;

/// Remembers which threads it was called on.
#[derive(Clone)]
struct Witness {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    converses: bool,
    /// Calls beyond so many wait until a second thread has been seen.
    patience: usize,
}

#[derive(Default)]
struct Seen {
    threads: HashSet<ThreadId>,
    calls: usize,
}

impl Witness {
    fn new(converses: bool, patience: usize) -> Self {
        Self { seen: Arc::default(), converses, patience }
    }

    fn threads(&self) -> usize {
        self.seen.0.lock().unwrap().threads.len()
    }

    fn is_called(&self) {
        let (seen, changed) = &*self.seen;
        let mut seen = seen.lock().unwrap();
        seen.threads.insert(thread::current().id());
        seen.calls += 1;
        changed.notify_all();
        let alone = |seen: &mut Seen| seen.calls > self.patience && seen.threads.len() < 2;
        let (seen, waited) = changed.wait_timeout_while(seen, LIMIT, alone).unwrap();
        drop(seen);
        assert!(!waited.timed_out(), "nobody came to help");
    }
}

#[async_trait]
impl Protocol for Witness {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        if self.converses {
            return None;
        }
        self.is_called();
        Some("poem".into())
    }

    async fn converse(&self, _: &mut Connection) -> io::Result<()> {
        self.is_called();
        Ok(())
    }
}

/// Each with a thread of its own.
pub(super) fn two_workers() -> Workers {
    let handles = [(); 2].map(|()| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(pending::<()>()));
        handle
    });
    Workers::new(handles)
}

/// One listener on two workers.
async fn serve(witness: &Witness, before: impl FnOnce(SocketAddr)) -> Running {
    let options = ServerOptions::default();
    Running::start_on(two_workers(), witness.clone(), options, before).await
}

#[tokio::test]
async fn one_worker_takes_clients_as_long_as_it_keeps_up() {
    let witness = Witness::new(false, usize::MAX);
    let running = serve(&witness, |_| {}).await;
    for _ in 0..200 {
        assert_eq!(read_all(&mut running.connect().await).await.unwrap(), b"poem");
    }
    assert_eq!(witness.threads(), 1);
    running.stop().await;
}

#[tokio::test]
async fn another_worker_is_called_when_one_does_not_keep_up() {
    // The clients are descriptors of this process, and so are the connections that it accepts.
    let (_, limit) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit).unwrap();
    let patience = MAX_FULL_BATCHES * BATCH;
    if limit < 3 * patience as u64 {
        return println!("not tested: a process may have only {limit} descriptors here");
    }
    // More clients wait than these batches take; after that, the first worker stands still.
    let witness = Witness::new(false, patience);
    let mut clients = Vec::new();
    let running = serve(&witness, |address| {
        let connect = |_| std::net::TcpStream::connect(address).unwrap();
        clients.extend((0..patience + 32).map(connect));
    })
    .await;
    for client in clients {
        client.set_nonblocking(true).unwrap();
        let mut client = TcpStream::from_std(client).unwrap();
        assert_eq!(read_all(&mut client).await.unwrap(), b"poem");
    }
    assert_eq!(witness.threads(), 2);
    running.stop().await;
}

#[tokio::test]
async fn conversations_are_spread_over_the_workers() {
    let witness = Witness::new(true, usize::MAX);
    let running = serve(&witness, |_| {}).await;
    for _ in 0..4 {
        assert_eq!(read_all(&mut running.connect().await).await.unwrap(), b"");
    }
    assert_eq!(witness.threads(), 2);
    running.stop().await;
}
