use super::*;
use crate::net::datagram_counters::DatagramCounters;
use crate::service::Counters;

fn cut_text(text: &'static str, max: usize) -> String {
    String::from_utf8(cut(Bytes::from(text), max).to_vec()).unwrap()
}

struct Echo;

impl Responder for Echo {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(datagram))
    }
}

#[test]
fn who_comes_when_too_many_others_ask_is_one_of_the_crowd() {
    let shared = AnswerState::new(
        Arc::new(Echo),
        UdpOptions { replies_per_second: 1, ..Default::default() },
    );
    let now = Instant::now() + Duration::from_secs(60); // none of them is forgotten meanwhile
    for other in 0..100_000u32 {
        shared.limit.lock().ask(other.to_be_bytes().into(), now);
    }
    let stranger = "127.0.0.1:9".parse().unwrap();
    assert_eq!(shared.answer(stranger, b"hello"), Err(Unanswered::Crowd));
}

#[test]
fn an_answer_that_fits_stays_whole() {
    assert_eq!(cut_text("poem", 5), "poem");
    assert_eq!(cut_text("poem", 4), "poem");
    assert_eq!(cut_text("", 1), "");
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(cut_text("poem", 3), "poe");
    assert_eq!(cut_text("perch\u{e9}", 6), "perch");
    assert_eq!(cut_text("perch\u{e9} no", 7), "perch\u{e9}");
    for (max, cut) in [(0, ""), (1, ""), (2, ""), (3, ""), (4, "\u{1f4dc}"), (5, "\u{1f4dc}!")] {
        assert_eq!(cut_text("\u{1f4dc}!?", max), cut, "{max}");
    }
}

#[test]
fn what_is_no_text_is_cut_exactly() {
    let bytes = Bytes::from_static(b"\xff\xfe\xe9 \xc3\xa9");
    for max in 0..=bytes.len() {
        assert_eq!(cut(bytes.clone(), max), bytes.slice(..max));
    }
}

#[test]
fn cutting_copies_nothing() {
    let poem = Bytes::from_static(b"a poem of some length");
    assert_eq!(cut(poem.clone(), 6).as_ptr(), poem.as_ptr());
}

/// Answers as the datagram says.
struct Moody;

impl Responder for Moody {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        match datagram {
            b"refuse" => None,
            b"panic" => panic!("as it was told"),
            b"too long" => Some(Bytes::from(vec![0; 65_508])),
            _ => Some(Bytes::copy_from_slice(datagram)),
        }
    }
}

#[tokio::test]
async fn each_datagram_of_a_batch_gets_its_own_answer_or_none() {
    let options = UdpOptions { max_reply: 100_000, replies_per_second: 1000, ..Default::default() };
    let shared = AnswerState::new(Arc::new(Moody), options);
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let said = ["one", "refuse", "two", "panic", "too long", "three", "", "four"];
    for datagram in said {
        client.send(datagram.as_bytes()).unwrap();
    }
    let counters = DatagramCounters::new("here".to_owned());
    let mut batch = Batch::new();
    batch.receive(&server).unwrap();
    shared.take_all(&server, &batch, &mut counters.count());
    let mut answer = [0; 10];
    for expected in ["one", "two", "three", "", "four"] {
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], expected.as_bytes());
    }
    let samples = counters.read();
    let counted: Vec<u64> = samples.iter().map(|sample| sample.value).collect();
    let received = said.iter().map(|it| it.len() as u64).sum();
    // received, answered, then rate, crowd, refused, responder, system, then bytes
    assert_eq!(counted, [8, 5, 0, 0, 1, 1, 1, 15, received]);
    assert_eq!(shared.unanswered(), 1);
}
