//! What is counted of datagrams.

use super::counters::{Numbers, server};
use super::*;
use std::net::UdpSocket;

/// Says what is said to it; but nothing to "-", too much to "large", and "panic" is too much for it.
struct Parrot;

impl Responder for Parrot {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        assert!(datagram != b"panic", "too much");
        match datagram {
            b"-" => None,
            b"large" => Some(Bytes::from_static(&[b'x'; 70_000])),
            other => Some(Bytes::copy_from_slice(other)),
        }
    }
}

/// A server to which these have been said before it began to answer, each from the address 127.0.0.n.
async fn told(datagrams: &[(u8, &[u8])]) -> Running {
    let interface = Interface::resolve("127.0.0.1").unwrap();
    let options = UdpOptions { replies_per_second: 1, max_reply: 100_000, ..Default::default() };
    let udp = UdpServer::new(interface, 0, |_| Ok(Parrot)).options(options);
    let say = |address: SocketAddr| {
        for (n, datagram) in datagrams {
            let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, *n), 0)).unwrap();
            client.send_to(datagram, address).unwrap();
        }
    };
    Running::start_server(Workers::current(), udp, say).await
}

/// How many datagrams were answered, and why others were not.
async fn answered(running: &Running, received: u64) -> (u64, Vec<String>) {
    let all = |numbers: &Numbers| numbers.get("datagrams_received") == received;
    let numbers = Numbers::when(&running.application, all).await;
    (numbers.get("datagrams_answered"), numbers.reasons("datagrams_unanswered"))
}

#[tokio::test]
async fn answers_are_counted_with_their_bytes() {
    let running = told(&[(2, b"hello"), (3, b""), (4, b"you")]).await;
    assert_eq!(answered(&running, 3).await, (3, vec![]));
    let numbers = Numbers::of(&running.application);
    assert_eq!((numbers.get("sent_bytes"), numbers.get("received_bytes")), (8, 8));
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_answered_is_counted_by_its_reason() {
    let said: [(u8, &[u8]); 6] =
        [(2, b"hello"), (2, b"again"), (3, b"-"), (4, b"panic"), (5, b"large"), (2, b"still")];
    let running = told(&said).await;
    let reasons = ["rate 2", "refused 1", "responder 1", "system 1"].map(String::from);
    assert_eq!(answered(&running, 6).await, (1, reasons.to_vec()));
    let numbers = Numbers::of(&running.application);
    assert_eq!((numbers.get("sent_bytes"), numbers.get("received_bytes")), (5, 26));
    running.stop().await;
}

#[tokio::test]
async fn the_counters_of_datagrams_survive_a_restart() {
    let running = told(&[(2, b"hello")]).await;
    assert_eq!(answered(&running, 1).await, (1, vec![]));
    running.application.tree().restart(&server()).await.unwrap();
    let client = UdpSocket::bind("127.0.0.9:0").unwrap();
    client.send_to(b"hello", running.address).unwrap();
    assert_eq!(answered(&running, 2).await, (2, vec![]));
    let report = running.application.tree().report(&server()).unwrap();
    assert_eq!(report.status, Some(format!("UDP {}", running.address)));
    let address = ("address", format!("UDP {}", running.address));
    assert!(report.counters.iter().all(|sample| sample.labels.contains(&address)));
    running.stop().await;
}
