use super::super::connection_counters::{ConnectionCount, ConnectionCounters};
use super::super::socket::set_connection_options;
use super::*;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

const USUAL: u32 = 32 * 1024;
const LENGTH: usize = 16 << 20;

fn count() -> ConnectionCount {
    ConnectionCounters::new("here".into()).count()
}

/// A delivery to a client that has read nothing yet.
struct Sending {
    client: TcpStream,
    /// The server's socket.
    socket: Socket,
    task: JoinHandle<(Result<Socket, Failure>, Traffic)>,
    budget: Arc<Budget>,
}

impl Sending {
    /// `None`, with a line that says so, if the system does not have this congestion control.
    async fn with(control: &str, budget: Arc<Budget>, slow: Duration) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let stream = Socket::from(accepted.into_std().unwrap());
        if let Err(e) = stream.set_tcp_congestion(control.as_bytes()) {
            println!("skipped: the system can't use {control}: {e}");
            return None;
        }
        set_connection_options(stream.as_fd());
        let socket = stream.try_clone().unwrap();
        let terms = Arc::new(Terms { write_timeout: LIMIT, slow, budget: budget.clone() });
        let peer = Peer::Local { pid: 1, uid: 0 };
        let delivery = deliver(stream, peer, vec![7; LENGTH].into(), count().traffic(0), terms);
        Some(Self { client, socket, task: tokio::spawn(delivery), budget })
    }

    async fn reads(&mut self, bytes: usize) {
        let mut received = vec![0; bytes];
        timeout(LIMIT, self.client.read_exact(&mut received)).await.unwrap().unwrap();
        assert!(received.iter().all(|byte| *byte == 7));
    }

    fn unsent(&self) -> u32 {
        self.socket.tcp_notsent_lowat().unwrap()
    }

    /// Everything comes, and then the queue and the budget are as before.
    async fn ends(mut self, received: usize) {
        self.reads(LENGTH - received).await;
        let (end, traffic) = timeout(LIMIT, self.task).await.unwrap().unwrap();
        assert_eq!((end.err(), traffic.sent), (None, LENGTH as u64));
        assert_eq!(self.socket.tcp_notsent_lowat().unwrap(), USUAL);
        assert!(self.budget.is_whole());
    }
}

#[tokio::test]
async fn what_the_reactor_does_not_take_fails_by_the_system() {
    // epoll(7) refuses a file; see EPERM in epoll_ctl(2).
    let file = Socket::from(OwnedFd::from(tempfile::tempfile().unwrap()));
    let peer = Peer::Local { pid: 1, uid: 0 };
    let terms =
        Terms { write_timeout: Duration::ZERO, slow: Duration::ZERO, budget: Arc::default() };
    let delivery = deliver(file, peer, "words".into(), count().traffic(2), Arc::new(terms));
    let (end, traffic) = delivery.await;
    assert_eq!((end.err(), traffic.sent), (Some(Failure::System), 2));
}

#[tokio::test]
async fn a_client_that_takes_much_gets_a_deeper_queue_until_the_end() {
    let mut sending = Sending::with("reno", Arc::default(), LIMIT).await.unwrap();
    assert_eq!(sending.unsent(), USUAL);
    sending.reads(2 << 20).await;
    assert_eq!(sending.unsent(), USUAL + (4 << 20));
    assert!(!sending.budget.is_whole());
    sending.ends(2 << 20).await;
}

#[tokio::test]
async fn where_no_share_is_left_the_queue_stays_as_it_is() {
    let budget = Arc::<Budget>::default();
    let taken = budget.take_all();
    let mut sending = Sending::with("reno", budget, LIMIT).await.unwrap();
    sending.reads(8 << 20).await;
    assert_eq!(sending.unsent(), USUAL);
    drop(taken);
    sending.ends(8 << 20).await;
}

#[tokio::test]
async fn bbr_keeps_the_usual_queue() {
    let Some(mut sending) = Sending::with("bbr", Arc::default(), LIMIT).await else { return };
    sending.reads(8 << 20).await;
    assert_eq!(sending.unsent(), USUAL);
    assert!(sending.budget.is_whole());
    sending.ends(8 << 20).await;
}

#[tokio::test]
async fn a_client_that_becomes_slow_gets_the_usual_queue_again_and_everything_comes() {
    let slow = Duration::from_millis(1);
    let mut sending = Sending::with("reno", Arc::default(), slow).await.unwrap();
    sending.reads(2 << 20).await;
    let slowed = async {
        while sending.unsent() != USUAL {
            tokio::time::sleep(slow).await;
        }
    };
    timeout(LIMIT, slowed).await.unwrap();
    sending.ends(2 << 20).await;
}

#[tokio::test]
async fn a_share_goes_back_when_the_delivery_is_cut() {
    let mut sending = Sending::with("reno", Arc::default(), LIMIT).await.unwrap();
    sending.reads(2 << 20).await;
    assert!(!sending.budget.is_whole());
    sending.task.abort();
    assert!(sending.task.await.err().unwrap().is_cancelled());
    assert!(sending.budget.is_whole());
}
