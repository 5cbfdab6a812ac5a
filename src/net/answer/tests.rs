use super::*;

fn cut_text(text: &'static str, max: usize) -> String {
    String::from_utf8(cut(Bytes::from(text), max).to_vec()).unwrap()
}

struct Echo;

impl Responder for Echo {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(datagram))
    }
}

#[tokio::test]
async fn who_comes_when_too_many_others_ask_is_one_of_the_crowd() {
    let shared = AnswerState::new(
        Arc::new(Echo),
        UdpOptions { replies_per_second: 1, ..Default::default() },
    );
    let now = Instant::now() + Duration::from_secs(60); // none of them is forgotten meanwhile
    for other in 0..100_000u32 {
        shared.limit.lock().ask(other.to_be_bytes().into(), now);
    }
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = "127.0.0.1:9".parse().unwrap();
    assert_eq!(shared.take(&socket, stranger, b"hello"), Err(Unanswered::Crowd));
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
