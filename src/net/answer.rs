//! The loop that answers datagrams: one per socket.

use super::batch::{BATCH, Batch, LARGEST_DATAGRAM};
use super::burst::Burst;
use super::datagram_counters::{DatagramCount, Unanswered};
use super::rate::{RateLimit, Verdict};
use super::responder::{Responder, UdpOptions};
use crate::service::{BoxError, Context};
use crate::sockets::LentSocket;
use crate::sync::Mutex;
use bytes::Bytes;
use socket2::SockRef;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// How many batches are received, after one datagram alone, before other tasks of the worker continue.
const BATCHES: usize = 4;

/// How long a loop waits when receiving fails for a reason that may last.
const RECEIVE_RETRY_DELAY: Duration = Duration::from_millis(100);

/// What all loops of one service share.
pub(super) struct AnswerState {
    responder: Arc<dyn Responder>,
    options: UdpOptions,
    limit: Mutex<RateLimit>,
    /// Set by `close`: receive nothing new.
    pub(super) closed: CancellationToken,
    unanswered: AtomicU64,
    too_often: Burst,
    too_many: Burst,
    trouble: Burst,
}

impl AnswerState {
    pub(super) fn new(responder: Arc<dyn Responder>, options: UdpOptions) -> Self {
        Self {
            responder,
            limit: Mutex::new(RateLimit::new(options.replies_per_second)),
            options,
            closed: CancellationToken::new(),
            unanswered: AtomicU64::new(0),
            too_often: Burst::default(),
            too_many: Burst::default(),
            trouble: Burst::default(),
        }
    }

    /// How many datagrams that should have been answered were not.
    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Answers a datagram. Returns the length of the answer in bytes.
    fn take(
        &self,
        socket: &UdpSocket,
        peer: SocketAddr,
        datagram: &[u8],
    ) -> Result<usize, Unanswered> {
        let answer = self.answer(peer, datagram)?;
        // Without the reactor: an answer that can't be sent now would only come too late.
        self.note_sent(peer, SockRef::from(socket).send_to(&answer, &peer.into()))
    }

    /// Answers the datagrams of a batch, in their order.
    fn take_all(&self, socket: &UdpSocket, batch: &Batch, count: &mut DatagramCount) {
        let mut refused = [None; BATCH];
        let mut answers = Vec::with_capacity(BATCH);
        for (n, (peer, datagram)) in batch.iter().enumerate() {
            match self.answer(peer, datagram) {
                Ok(answer) => answers.push((n, answer)),
                Err(why) => refused[n] = Some(why),
            }
        }
        let mut sent = batch.answer(socket, &answers).into_iter();
        for ((peer, datagram), refused) in batch.iter().zip(refused) {
            let answer = match refused {
                Some(why) => Err(why),
                None => self.note_sent(peer, sent.next().unwrap_or(Ok(0))),
            };
            count.datagram(datagram.len(), answer);
        }
    }

    /// The answer to a datagram.
    fn answer(&self, peer: SocketAddr, datagram: &[u8]) -> Result<Bytes, Unanswered> {
        let verdict = { self.limit.lock().ask(peer.ip(), Instant::now()) };
        match verdict {
            Verdict::Answer => {}
            Verdict::TooOften => {
                let most = self.options.replies_per_second;
                let why = format_args!("its address gets at most {most} per second");
                self.leave(&self.too_often, peer, why);
                return Err(Unanswered::Rate);
            }
            Verdict::TooMany => {
                self.leave(&self.too_many, peer, "too many others are asking");
                return Err(Unanswered::Crowd);
            }
        }
        let answer = catch_unwind(AssertUnwindSafe(|| self.responder.answer(peer, datagram)));
        let Ok(answer) = answer else {
            error!("the responder panicked; {peer} got no answer");
            return Err(Unanswered::Responder);
        };
        Ok(cut(answer.ok_or(Unanswered::Refused)?, self.options.max_reply))
    }

    /// Logs whether an answer was sent. Returns its length in bytes.
    fn note_sent(&self, peer: SocketAddr, sent: io::Result<usize>) -> Result<usize, Unanswered> {
        match sent {
            Ok(bytes) => {
                self.responder.answered(peer, bytes);
                Ok(bytes)
            }
            Err(e) => {
                self.leave(&self.trouble, peer, e);
                Err(Unanswered::System)
            }
        }
    }

    /// Counts a datagram without an answer, and logs it once per burst.
    fn leave(&self, burst: &Burst, peer: SocketAddr, why: impl Display) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        match burst.event() {
            Some(0) => warn!(%peer, "not answering {peer}: {why}"),
            Some(unmentioned) => {
                warn!(
                    unmentioned,
                    %peer,
                    "not answering {peer}: {why}; {unmentioned} more requests were not answered since the last such line"
                );
            }
            None => {}
        }
    }

    /// Logs a failed receive, and returns whether it only concerns a client that one of our answers did not
    /// reach, so that the next receive may well succeed immediately. A receive reports that if the socket was
    /// inherited with IP_RECVERR or connected; see udp(7).
    fn failed(&self, e: &io::Error) -> bool {
        if self.trouble.event().is_some() {
            warn!("receiving a datagram failed: {e}");
        }
        matches!(
            e.raw_os_error(),
            Some(
                libc::ECONNREFUSED
                    | libc::EHOSTUNREACH
                    | libc::ENETUNREACH
                    | libc::EHOSTDOWN
                    | libc::ENOPROTOOPT
                    | libc::EMSGSIZE
                    | libc::EPROTO
                    | libc::EACCES
            )
        )
    }
}

/// Answers the datagrams of one socket, on the worker that calls this, from the time when the whole application
/// has started until the service is closed.
pub(super) async fn answer_loop(
    cx: Context,
    shared: Arc<AnswerState>,
    lent: LentSocket,
    mut count: DatagramCount,
) -> Result<(), BoxError> {
    let socket = UdpSocket::from_std(lent.udp_socket()?)?;
    let answering = async {
        cx.all_started().await;
        answer_all(&shared, &socket, &mut count).await
    };
    let ended = tokio::select! {
        biased;
        () = shared.closed.cancelled() => Ok(()),
        ended = answering => ended,
    };
    drop(socket);
    drop(lent); // after the duplicate, so that the address is free when this is reported
    ended
}

async fn answer_all(
    shared: &AnswerState,
    socket: &UdpSocket,
    count: &mut DatagramCount,
) -> Result<(), BoxError> {
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    let mut batch = Batch::new();
    loop {
        socket.readable().await?;
        for turn in 0..=BATCHES {
            // A batch costs more than a datagram alone, so it is only asked for when there was one.
            let received = if turn == 0 {
                socket.try_recv_from(&mut buffer).map(|(bytes, peer)| {
                    count.datagram(bytes, shared.take(socket, peer, &buffer[..bytes]));
                })
            } else {
                let received = socket.try_io(Interest::READABLE, || batch.receive(socket));
                received.map(|()| shared.take_all(socket, &batch, count))
            };
            match received {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if shared.failed(&e) => {}
                Err(_) => {
                    sleep(RECEIVE_RETRY_DELAY).await;
                    break;
                }
            }
        }
        yield_now().await;
    }
}

/// As much of an answer as fits into `max` bytes. UTF-8 text (which only these bytes decide) is cut between two
/// characters, anything else after exactly `max` bytes.
fn cut(answer: Bytes, max: usize) -> Bytes {
    let Some(head) = answer.get(..max) else { return answer };
    if head.len() == answer.len() {
        return answer;
    }
    let end = match std::str::from_utf8(head) {
        // It ends in the middle of a character, and is valid up to there.
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        _ => max,
    };
    answer.slice(..end)
}

#[cfg(test)]
mod tests;
