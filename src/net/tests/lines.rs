//! Lines: whole ones, up to the end.

use super::*;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Answers each line with it in brackets, up to 10 bytes.
struct Brackets;

#[async_trait]
impl Protocol for Brackets {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let mut lines = connection.lines(10);
        while let Some(line) = lines.next().await? {
            lines.send(format!("[{line}]\n")).await?;
        }
        Ok(())
    }
}

/// What a client gets that sends this and closes its side.
async fn answers(sent: &[u8]) -> io::Result<String> {
    let running = Running::start(Brackets, ServerOptions::default()).await;
    let mut client = running.connect().await;
    client.write_all(sent).await?;
    client.shutdown().await?;
    let mut answers = String::new();
    let ended = client.read_to_string(&mut answers).await;
    ended.map(|_| answers)
}

#[tokio::test]
async fn each_line_is_answered_with_cr_or_without() {
    assert_eq!(answers(b"one\r\n\ntwo\n").await.unwrap(), "[one]\n[]\n[two]\n");
    assert_eq!(answers("ten bytes.\r\nfünf\n".as_bytes()).await.unwrap(), "[ten bytes.]\n[fünf]\n");
}

#[tokio::test]
async fn what_no_newline_follows_is_no_line() {
    assert_eq!(answers(b"one\ntw").await.unwrap(), "[one]\n");
}

#[tokio::test]
async fn a_line_that_is_too_long_or_no_text_resets_the_connection() {
    for line in [&b"eleven byte\n"[..], &[b'x'; 1_000_000], b"\xff\n"] {
        assert_eq!(answers(line).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn lines_that_have_arrived_before_a_stop_are_answered_and_then_it_ends_whatever_is_sent() {
    let mut running = Running::start(Brackets, ServerOptions::default()).await;
    let mut client = BufReader::new(running.connect().await);
    client.get_mut().write_all(b"one\n").await.unwrap();
    let mut answer = String::new();
    client.read_line(&mut answer).await.unwrap();
    // On the only thread there is nobody reads these before the stop.
    client.get_mut().try_write(b"two\nthree\nfo").unwrap();
    running.application.close();
    let stopped = running.application.stop(Instant::now() + LIMIT);
    let until_the_end = async move {
        let mut answers = Vec::new();
        loop {
            let mut answer = String::new();
            if client.read_line(&mut answer).await.unwrap() == 0 {
                return answers;
            }
            answers.push(answer);
            client.get_mut().write_all(b"more\n").await.unwrap();
        }
    };
    let (stopped, answers) = tokio::join!(stopped, until_the_end);
    stopped.unwrap();
    assert_eq!(answers, ["[two]\n", "[three]\n"]);
}
