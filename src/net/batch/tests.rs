use super::*;
use std::collections::HashMap;
use std::net::UdpSocket;

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

/// Sends these to a socket, and returns what it receives as one batch. On the loopback interface they have arrived when
/// they have been sent.
fn batch_of(server: &UdpSocket, datagrams: &[(&UdpSocket, Vec<u8>)]) -> Batch {
    for (client, datagram) in datagrams {
        client.send_to(datagram, server.local_addr().unwrap()).unwrap();
    }
    let mut batch = Batch::new();
    batch.receive(server).unwrap();
    batch
}

#[test]
fn datagrams_of_any_size_are_received_whole_and_in_order() {
    let (server, clients) = (socket(), [socket(), socket()]);
    let datagram = |(n, length): (usize, usize)| (&clients[n % 2], vec![n as u8; length]);
    let lengths = [0, 1, 512, 65_507, 7, 4096, 30_000];
    let datagrams: Vec<_> = lengths.into_iter().enumerate().map(datagram).collect();
    let batch = batch_of(&server, &datagrams);
    let sent = datagrams.iter().map(|(client, bytes)| (client.local_addr().unwrap(), &bytes[..]));
    assert!(batch.iter().eq(sent));
}

#[test]
fn a_full_batch_leaves_the_others_for_the_next_one() {
    let (server, client) = (socket(), socket());
    let datagrams: Vec<_> = (0..BATCH as u8 + 3).map(|n| (&client, vec![n])).collect();
    let mut batch = batch_of(&server, &datagrams);
    assert_eq!(batch.iter().count(), BATCH);
    batch.receive(&server).unwrap();
    let rest: Vec<u8> = batch.iter().map(|(_, datagram)| datagram[0]).collect();
    assert_eq!(rest, [BATCH as u8, BATCH as u8 + 1, BATCH as u8 + 2]);
    let nothing = batch.receive(&server).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(batch.iter().count(), 0);
}

#[test]
fn an_answer_that_can_not_be_sent_costs_no_other_one() {
    let server = socket();
    let clients: Vec<_> = (0..6).map(|_| socket()).collect();
    let datagrams: Vec<_> = clients.iter().map(|client| (client, b"?".to_vec())).collect();
    let batch = batch_of(&server, &datagrams);
    let too_long = Bytes::from(vec![0; 65_508]);
    let answer = |n: usize| match n {
        0 | 3 | 4 => too_long.clone(),
        _ => Bytes::from(vec![n as u8; n]),
    };
    let answers: Vec<_> = (0..6).filter(|n| *n != 2).map(|n| (n, answer(n))).collect();
    let sent = batch.answer(&server, &answers).into_iter();
    let sent: HashMap<usize, _> = answers.iter().map(|(n, _)| *n).zip(sent).collect();
    for n in [0, 3, 4] {
        let error = sent[&n].as_ref().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    }
    for n in [1, 5] {
        assert_eq!(*sent[&n].as_ref().unwrap(), n);
        let mut received = [0; 10];
        let (length, from) = clients[n].recv_from(&mut received).unwrap();
        assert_eq!(
            (&received[..length], from),
            (&vec![n as u8; n][..], server.local_addr().unwrap())
        );
    }
}

#[test]
fn without_answers_nothing_is_sent() {
    let (server, client) = (socket(), socket());
    let batch = batch_of(&server, &[(&client, vec![1])]);
    assert!(batch.answer(&server, &[]).is_empty());
}
