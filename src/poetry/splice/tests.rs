use crate::poetry::buffers::Buffers;
use crate::poetry::copy::copy_both_ways;
use crate::poetry::pipes::Pipes;
use crate::sockets::Descriptors;
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// No wait should take this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Two ends of a connection.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (connected, accepted) = tokio::join!(connecting, listener.accept());
    (connected.unwrap(), accepted.unwrap().0)
}

/// What connections that are copied share.
struct Copier {
    pipes: Pipes,
    buffers: Buffers,
}

impl Copier {
    fn new() -> Self {
        Self { pipes: Pipes::new(&Descriptors::new()), buffers: Buffers::default() }
    }

    async fn copy(&self, mut near: TcpStream, mut far: TcpStream) -> io::Result<(u64, u64)> {
        copy_both_ways(&mut &mut near, &mut &mut far, &self.buffers, &self.pipes).await
    }
}

/// Bytes that tell where they belong, from this one on.
fn numbered(first: usize, length: usize) -> Vec<u8> {
    (first..first + length)
        .map(|n| (n as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect()
}

/// Says so many bytes in pieces of this length, ends, and returns what comes from the other side.
async fn talk(mut stream: TcpStream, length: usize, piece: usize) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let speak = async {
        for part in numbered(0, length).chunks(piece) {
            writer.write_all(part).await.unwrap();
            yield_now().await;
        }
        writer.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let (read, ()) = tokio::join!(reader.read_to_end(&mut heard), speak);
    read.unwrap();
    heard
}

async fn everything_comes(copier: &Copier, up: usize, down: usize, piece: usize) {
    let ((left, near), (far, right)) = (connection().await, connection().await);
    let (copied, heard, heard_there) =
        tokio::join!(copier.copy(near, far), talk(left, up, piece), talk(right, down, piece));
    assert_eq!(copied.unwrap(), (up as u64, down as u64));
    assert!(heard == numbered(0, down) && heard_there == numbered(0, up));
}

#[tokio::test]
async fn everything_comes_both_ways_whatever_the_pieces() {
    for (up, down, piece) in
        [(0, 9_000_001, 1 << 20), (20_000_000, 17_123_457, 300_001), (5_000_000, 3, 70_000)]
    {
        let copier = Copier::new();
        everything_comes(&copier, up, down, piece).await;
        let (lent, spare) = copier.pipes.open();
        assert!(lent == 0 && spare > 0, "{spare}");
    }
}

#[tokio::test]
async fn everything_comes_without_a_pipe() {
    let copier = Copier::new();
    let lent: Vec<_> = std::iter::from_fn(|| copier.pipes.lend()).collect();
    everything_comes(&copier, 8_000_000, 9_000_001, 300_001).await;
    assert_eq!(copier.pipes.open(), (lent.len(), 0));
}

/// A connection one end of which has said so much, and whose other end has read so little of it, that something is
/// in a pipe.
struct Stuck {
    copier: Arc<Copier>,
    copying: JoinHandle<io::Result<(u64, u64)>>,
    /// Ends the speaker, who returns how much was said.
    end: oneshot::Sender<()>,
    speaker: JoinHandle<(TcpStream, usize)>,
    reader: TcpStream,
    heard: Vec<u8>,
}

/// All tasks are of the thread of the test: where that looks, none of the others is just copying.
async fn stuck() -> Stuck {
    let ((left, near), (far, mut reader)) = (connection().await, connection().await);
    SockRef::from(&reader).set_recv_buffer_size(100_000).unwrap();
    let copier = Arc::new(Copier::new());
    let copying = tokio::spawn({
        let copier = copier.clone();
        async move { copier.copy(near, far).await }
    });
    let (end, ended) = oneshot::channel();
    let speaker = tokio::spawn(speak(left, ended));
    let (mut heard, mut piece) = (Vec::new(), vec![0; 100_000]);
    while copier.pipes.open().0 == 0 {
        let read = reader.read(&mut piece).await.unwrap();
        heard.extend_from_slice(&piece[..read]);
        yield_now().await;
    }
    Stuck { copier, copying, end, speaker, reader, heard }
}

async fn speak(mut stream: TcpStream, mut ended: oneshot::Receiver<()>) -> (TcpStream, usize) {
    let mut said = 0;
    loop {
        let bytes = numbered(said, 300_000);
        tokio::select! {
            _ = &mut ended => return (stream, said),
            written = stream.write(&bytes) => said += written.unwrap(),
        }
    }
}

#[tokio::test]
async fn what_is_in_a_pipe_when_its_side_is_closed_comes_before_the_end() {
    let Stuck { copier, copying, end, speaker, mut reader, mut heard } = stuck().await;
    end.send(()).unwrap();
    let (mut speaker, said) = speaker.await.unwrap();
    speaker.shutdown().await.unwrap();
    assert_eq!(copier.pipes.open(), (1, 0));
    reader.read_to_end(&mut heard).await.unwrap();
    assert!(heard == numbered(0, said));
    reader.write_all(b"the answer").await.unwrap();
    drop(reader);
    let mut answer = Vec::new();
    speaker.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"the answer");
    assert_eq!(copying.await.unwrap().unwrap(), (said as u64, 10));
    assert_eq!(copier.pipes.open().0, 0);
}

#[tokio::test]
async fn a_reader_that_stops_and_goes_on_gets_everything() {
    let Stuck { copier, copying, end, speaker, mut reader, mut heard } = stuck().await;
    let mut piece = vec![0; 1_000_000];
    for _ in 0..20 {
        let read = reader.read_exact(&mut piece).await.unwrap();
        heard.extend_from_slice(&piece[..read]);
        let something_is_in_a_pipe = async {
            while copier.pipes.open().0 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LIMIT, something_is_in_a_pipe).await.unwrap();
    }
    end.send(()).unwrap();
    let (speaker, said) = speaker.await.unwrap();
    drop(speaker);
    reader.read_to_end(&mut heard).await.unwrap();
    assert!(heard == numbered(0, said));
    drop(reader);
    copying.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pipe_in_which_something_is_left_when_the_reader_resets_is_closed() {
    let Stuck { copier, copying, speaker, reader, .. } = stuck().await;
    speaker.abort();
    SockRef::from(&reader).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reader);
    assert!(copying.await.unwrap().is_err());
    assert_eq!(copier.pipes.open(), (0, 0));
}

#[tokio::test]
async fn what_comes_before_a_reset_is_a_beginning_of_what_was_said() {
    let Stuck { copier, copying, end, speaker, mut reader, mut heard } = stuck().await;
    end.send(()).unwrap();
    let (speaker, said) = speaker.await.unwrap();
    SockRef::from(&speaker).set_linger(Some(Duration::ZERO)).unwrap();
    drop(speaker);
    let _ = reader.read_to_end(&mut heard).await; // the streams of this test are closed, not reset
    assert!(heard.len() <= said && heard == numbered(0, heard.len()));
    assert_eq!(copying.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(copier.pipes.open().0, 0);
}
