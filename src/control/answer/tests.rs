use super::*;

fn of(text: &str) -> Result<Answer, AnswerError> {
    read(&mut text.as_bytes())
}

#[test]
fn an_answer_is_its_status_and_its_text() {
    let answer = of("HTTP/1.1 409 Conflict\r\ncontent-LENGTH: 3\r\nx: y\r\n\r\nno\n").unwrap();
    assert_eq!(answer, Answer { status: 409, body: b"no\n".to_vec() });
}

#[test]
fn anything_else_is_an_error() {
    for (text, why) in [
        ("", "closed"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nno", "closed"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nno", "more than it says"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nno", "first line"),
        ("HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nno", "status"),
        ("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nno", "length"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nno", "two lengths"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "encoding"),
        ("HTTP/1.1 200 OK\r\n\r\n", "no length"),
        ("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "a header"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n", "larger than"),
    ] {
        let error = of(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    let endless = "x".repeat(1_000_000);
    assert!(of(&endless).unwrap_err().to_string().contains("too large"));
}
