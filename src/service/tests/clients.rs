//! Services that keep an outgoing connection.

use super::*;
use crate::service::{Client, ClientService, NotConnected, Restart, ServiceFn};
use futures::FutureExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A server that takes connections or refuses them. A connection is the number of the attempt that made it.
#[derive(Clone, Default)]
struct Server {
    attempts: Arc<AtomicUsize>,
    refuses: Arc<std::sync::atomic::AtomicBool>,
    hang_up: Arc<Notify>,
}

impl Server {
    fn client_service(&self) -> ClientService<usize> {
        let server = self.clone();
        ClientService::new(move |_| {
            let server = server.clone();
            async move {
                let attempt = server.attempts.fetch_add(1, Ordering::Relaxed) + 1;
                if server.refuses.load(Ordering::Relaxed) {
                    return Err("connection refused".into());
                }
                let hang_up = server.hang_up.clone();
                Ok((attempt, async move {
                    hang_up.notified().await;
                    Ok(())
                }))
            }
        })
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

async fn application(service: ClientService<usize>) -> (Application, Client<usize>) {
    let client = service.client();
    let mut application = Application::new("test");
    application.add("upstream", service).unwrap();
    start(&mut application).await.unwrap();
    (application, client)
}

#[tokio::test(start_paused = true)]
async fn it_connects_at_the_start_and_again_when_the_connection_is_lost() {
    let server = Server::default();
    let (mut application, client) = application(server.client_service()).await;
    assert_eq!(client.when_connected().await, Ok(1));
    assert_eq!(client.connected(), Some(1));
    server.hang_up.notify_one();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(client.connected(), None);
    assert_eq!(client.when_connected().await, Ok(2));
    server.hang_up.notify_one(); // and so ends what works the connection
    application.stop(soon()).await.unwrap();
    assert_eq!(client.when_connected().await, Err(NotConnected));
}

#[tokio::test(start_paused = true)]
async fn connections_and_attempts_that_failed_are_counted_also_after_a_restart() {
    let server = Server::default();
    let (mut application, client) = application(server.client_service()).await;
    let (tree, path) = (application.tree().clone(), "upstream".parse().unwrap());
    let counts = || {
        let counters = tree.report(&path).unwrap().counters;
        counters.into_iter().map(|sample| (sample.name, sample.value)).collect::<Vec<_>>()
    };
    let expected = |made, failures| {
        let names = ["client_connections", "client_connect_failures"];
        names.map(String::from).into_iter().zip([made, failures]).collect::<Vec<_>>()
    };
    client.when_connected().await.unwrap();
    assert_eq!(counts(), expected(1, 0));
    server.refuses.store(true, Ordering::Relaxed);
    server.hang_up.notify_one();
    while server.attempts() < 4 {
        sleep(Duration::from_millis(1)).await;
    }
    server.refuses.store(false, Ordering::Relaxed);
    client.when_connected().await.unwrap();
    assert_eq!(counts(), expected(2, 3));
    server.hang_up.notify_one();
    tree.restart(&path).await.unwrap();
    client.when_connected().await.unwrap();
    assert_eq!(counts(), expected(3, 3));
    server.hang_up.notify_one();
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn attempts_become_rarer_until_it_is_reset() {
    let server = Server::default();
    server.refuses.store(true, Ordering::Relaxed);
    let mut retry = Restart::always();
    retry.max_delay = 1000 * SECOND;
    let (mut application, client) = application(server.client_service().retry(retry)).await;
    sleep(10 * SECOND).await;
    let within_10_seconds = server.attempts();
    assert!((4..=8).contains(&within_10_seconds), "{within_10_seconds}");
    sleep(90 * SECOND).await;
    assert!(server.attempts() <= within_10_seconds + 4, "{}", server.attempts());
    server.refuses.store(false, Ordering::Relaxed);
    client.reset();
    let connected = timeout(Duration::from_millis(1), client.when_connected()).await;
    assert_eq!(connected.unwrap(), Ok(server.attempts()));
    server.hang_up.notify_one();
    let again = timeout(SECOND, client.when_connected());
    sleep(Duration::from_millis(1)).await;
    again.await.expect("the waits are short again").unwrap();
    server.hang_up.notify_one();
    application.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_clients_do_not_come_back_at_the_same_time() {
    let server = Server::default();
    server.refuses.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for _ in 0..8 {
        let (mut application, _) = application(server.client_service()).await;
        let (before, begin) = (server.attempts(), Instant::now());
        while server.attempts() < before + 3 {
            sleep(Duration::from_millis(1)).await;
        }
        times.push(begin.elapsed());
        application.stop(soon()).await.unwrap();
    }
    times.dedup();
    assert!(times.len() > 1, "{times:?}");
}

/// One that finds the connection has it until it has stopped itself.
#[tokio::test(start_paused = true)]
async fn the_connection_is_there_until_those_who_have_found_it_have_stopped() {
    let (server, record) = (Server::default(), Record::default());
    let mut application = Application::new("test");
    application.add("upstream", server.client_service()).unwrap();
    let noted = record.clone();
    let user = ServiceFn::new(move |cx| {
        let record = noted.clone();
        async move {
            let upstream: Client<usize> = cx.find("upstream")?;
            upstream.when_connected().await?;
            cx.closing().await;
            sleep(SECOND).await;
            record.note(format!("{:?}", upstream.connected()));
            Ok(())
        }
    });
    application.add("user", user).unwrap();
    start(&mut application).await.unwrap();
    sleep(SECOND).await;
    application.close();
    server.hang_up.notified().now_or_never();
    let hang_up = server.hang_up.clone();
    tokio::spawn(async move {
        sleep(3 * SECOND).await;
        hang_up.notify_one();
    });
    application.stop(soon()).await.unwrap();
    assert_eq!(record.take(), ["Some(1)"]);
}

#[tokio::test(start_paused = true)]
async fn what_works_the_connection_is_dropped_at_the_deadline() {
    let server = Server::default();
    let (mut application, client) = application(server.client_service()).await;
    client.when_connected().await.unwrap();
    let deadline = soon();
    let errors = application.stop(deadline).await.unwrap_err();
    assert!(errors.to_string().contains("had not returned at the deadline"), "{errors}");
    assert_eq!(client.connected(), None);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_learns_that_the_service_stops() {
    let server = Server::default();
    server.refuses.store(true, Ordering::Relaxed);
    let (mut application, client) = application(server.client_service()).await;
    let waiting = tokio::spawn(async move { client.when_connected().await });
    sleep(SECOND).await;
    application.stop(soon()).await.unwrap();
    assert_eq!(waiting.await.unwrap(), Err(NotConnected));
}
