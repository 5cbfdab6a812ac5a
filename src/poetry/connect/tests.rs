//! Time stands still here, except while nothing else can happen.

use super::*;
use futures::FutureExt;
use std::cell::RefCell;
use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::sleep;

/// What an address does with whoever connects.
#[derive(Clone, Copy)]
enum Does {
    Accept(u64),
    Refuse(u64),
    Nothing,
}
use Does::{Accept, Nothing, Refuse};

/// A race between so many addresses, and when each was tried, in milliseconds.
struct Race {
    tried: Vec<(u16, u64)>,
    took: u64,
    /// The port of the address that was connected with, or how many failures there were.
    outcome: Result<u16, usize>,
    reason: String,
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Address number n, from 0 on, is port n.
async fn run(limit: u64, addresses: &[Does]) -> Race {
    let (start, limit) = (Instant::now(), Duration::from_millis(limit));
    let tried = RefCell::new(Vec::new());
    let connect = async |address: SocketAddr| {
        tried.borrow_mut().push((address.port(), start.elapsed().as_millis() as u64));
        match addresses[usize::from(address.port())] {
            Accept(after) => {
                sleep(Duration::from_millis(after)).await;
                Ok(address.port())
            }
            Refuse(after) => {
                sleep(Duration::from_millis(after)).await;
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Nothing => pending().await,
        }
    };
    let ports: Vec<SocketAddr> = (0..addresses.len() as u16).map(address).collect();
    let outcome = race(&ports, start + limit, connect).await;
    Race {
        took: start.elapsed().as_millis() as u64,
        reason: outcome.as_ref().err().map(|f| explain(f, limit)).unwrap_or_default(),
        outcome: outcome.map_err(|failures| failures.len()),
        tried: tried.into_inner(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_is_the_only_one_tried() {
    let race = run(10_000, &[Accept(249), Accept(0)]).await;
    assert_eq!((race.outcome, race.tried), (Ok(0), vec![(0, 0)]));
}

#[tokio::test(start_paused = true)]
async fn behind_an_address_that_does_not_answer_the_next_is_tried_after_250_ms() {
    let race = run(10_000, &[Nothing, Nothing, Accept(0)]).await;
    assert_eq!((race.outcome, race.took), (Ok(2), 500));
    assert_eq!(race.tried, [(0, 0), (1, 250), (2, 500)]);
}

#[tokio::test(start_paused = true)]
async fn behind_an_address_that_refuses_the_next_is_tried_at_once() {
    let race = run(10_000, &[Refuse(100), Refuse(100), Accept(0)]).await;
    assert_eq!((race.outcome, race.took), (Ok(2), 200));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_late_is_not_given_up_for_the_next() {
    let race = run(10_000, &[Accept(1000), Nothing]).await;
    assert_eq!((race.outcome, race.took), (Ok(0), 1000));
}

#[tokio::test(start_paused = true)]
async fn the_last_address_has_all_the_time_that_is_left() {
    assert_eq!(run(10_000, &[Accept(9_999)]).await.outcome, Ok(0));
    assert_eq!(run(10_000, &[Nothing, Accept(9_000)]).await.outcome, Ok(1));
    assert_eq!(run(10_000, &[Accept(9_000), Nothing]).await.outcome, Err(2));
}

#[tokio::test(start_paused = true)]
async fn all_of_it_ends_at_the_limit() {
    for count in [1, 2, 3, 7, 100] {
        let race = run(3000, &vec![Nothing; count]).await;
        assert!(race.outcome.is_err());
        assert_eq!(race.took, 3000, "{count} addresses");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_4_addresses_are_tried_at_a_time_and_later_ones_still_get_their_turn() {
    let mut addresses = [Nothing; 9];
    addresses[8] = Accept(0);
    let race = run(10_000, &addresses).await;
    assert_eq!(race.outcome, Ok(8));
    // The fifth comes when the first is given up, after half of the time.
    assert_eq!(race.tried[..5], [(0, 0), (1, 250), (2, 500), (3, 750), (4, 5000)]);
}

#[tokio::test(start_paused = true)]
async fn without_any_address_there_is_no_connection() {
    let race = run(10_000, &[]).await;
    assert_eq!((race.outcome, race.took), (Err(0), 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_the_same_for_all_addresses_is_said_once() {
    let race = run(10_000, &[Refuse(10), Refuse(0)]).await;
    assert_eq!(race.reason, "connection refused");
    assert_eq!(run(500, &[Nothing, Nothing]).await.reason, "no answer within 0.5 seconds");
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_said_of_each_address_in_their_order() {
    let race = run(1000, &[Nothing, Refuse(0), Nothing]).await;
    let expected =
        "127.0.0.1:0: no answer; 127.0.0.1:1: connection refused; 127.0.0.1:2: no answer";
    assert_eq!(race.reason, expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_short_however_many_addresses_there_are() {
    let mut addresses = vec![Refuse(0); 100];
    addresses[0] = Nothing;
    let reason = run(1000, &addresses).await.reason;
    assert!(reason.ends_with("127.0.0.1:3: connection refused; and 96 more addresses"), "{reason}");
}

#[test]
fn families_take_turns_beginning_with_the_first() {
    let read = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    for (given, expected) in [
        (&["[::1]:1", "[::2]:1", "0.0.0.1:1"][..], &["[::1]:1", "0.0.0.1:1", "[::2]:1"][..]),
        (
            &["0.0.0.1:1", "0.0.0.2:1", "0.0.0.3:1", "[::1]:1"],
            &["0.0.0.1:1", "[::1]:1", "0.0.0.2:1", "0.0.0.3:1"],
        ),
        (&["0.0.0.2:1", "0.0.0.1:1"], &["0.0.0.2:1", "0.0.0.1:1"]),
        (&[], &[]),
    ] {
        assert_eq!(in_turn(read(given)), read(expected));
    }
}

#[tokio::test]
async fn a_literal_address_needs_no_resolver() {
    let connector = Connector::default();
    connector.lookups.close(); // whoever asks the resolver fails
    for (address, expected) in [("127.0.0.1:17", "127.0.0.1:17"), ("[::1]:17", "[::1]:17")] {
        let found = connector.addresses_of(&address.parse().unwrap()).await;
        assert_eq!(found, Ok(vec![expected.parse().unwrap()]));
    }
    assert!(connector.addresses_of(&"localhost:17".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn no_more_than_4_names_are_looked_up_at_a_time() {
    let connector = Connector::default();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let lookups = (0..20).map(|_| {
        let (now, most) = (now.clone(), most.clone());
        connector.look_up(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5)); // the pace of the resolver
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    });
    futures::future::try_join_all(lookups).await.unwrap();
    assert!((1..=MAX_LOOKUPS).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[tokio::test]
async fn a_look_up_that_was_given_up_keeps_its_place_until_the_resolver_has_answered() {
    let connector = Connector::default();
    let (answer, answered) = std::sync::mpsc::channel::<()>();
    let abandoned = connector.look_up(move || {
        let _ = answered.recv();
        Ok(())
    });
    assert!(abandoned.now_or_never().is_none());
    assert_eq!(connector.lookups.available_permits(), MAX_LOOKUPS - 1);
    drop(answer);
    let all = connector.lookups.acquire_many(MAX_LOOKUPS as u32);
    assert!(tokio::time::timeout(Duration::from_secs(30), all).await.unwrap().is_ok());
}

#[test]
fn the_resolver_s_errors_are_said_in_plain_words() {
    let said = |code| {
        let words = words_of(code);
        let text = format!("failed to lookup address information: {words}");
        reason_of_the_resolver(&io::Error::other(text))
    };
    assert_eq!(said(libc::EAI_NONAME), "no such name");
    assert!(said(libc::EAI_AGAIN).starts_with("no name server has answered"));
    assert_eq!(said(libc::EAI_FAIL), words_of(libc::EAI_FAIL));
    assert_eq!(reason_of_the_resolver(&io::Error::other("too many files")), "too many files");
}
