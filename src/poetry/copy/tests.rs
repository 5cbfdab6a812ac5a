use super::*;
use crate::poetry::pipes::Pipes;
use crate::sockets::Descriptors;
use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Waker;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, Join, duplex, split};
use tokio::task::yield_now;

/// These streams have no sockets, so that none is used.
static PIPES: LazyLock<Pipes> = LazyLock::new(|| Pipes::new(&Descriptors::new()));

impl OnSocket for DuplexStream {}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> OnSocket for Join<R, W> {}

/// Polls once.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Bytes that tell where they belong.
fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// Sends all bytes in pieces of these lengths, ends, and returns what comes from the other side, which is read in
/// pieces of these lengths, too.
async fn talk(stream: DuplexStream, bytes: Vec<u8>, pieces: Vec<usize>) -> Vec<u8> {
    let (mut reader, mut writer) = split(stream);
    let lengths = pieces.clone();
    let speak = async move {
        let (mut rest, mut lengths) = (&bytes[..], lengths.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
            writer.write_all(piece).await.unwrap();
            yield_now().await;
            rest = later;
        }
        writer.shutdown().await.unwrap();
    };
    let hear = async {
        let (mut heard, mut buffer) = (Vec::new(), vec![0; 1_000_000]);
        for length in pieces.iter().rev().cycle() {
            let read = reader.read(&mut buffer[..*length]).await.unwrap();
            if read == 0 {
                break;
            }
            heard.extend_from_slice(&buffer[..read]);
            yield_now().await;
        }
        heard
    };
    tokio::join!(speak, hear).1
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1..100_usize, 1000..10_000_usize, 1..600_000_usize], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn everything_comes_whatever_the_pieces(
        near_pieces in lengths(),
        far_pieces in lengths(),
        up in 0..100_000_usize,
        down in 0..2_000_000_usize,
        rooms in [1000..10_000_usize, 1000..1_000_000_usize],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ((left, mut near), (mut far, right)) = (duplex(rooms[0]), duplex(rooms[1]));
            let buffers = Buffers::default();
            let (copied, heard, heard_there) = tokio::join!(
                copy_both_ways(&mut near, &mut far, &buffers, &PIPES),
                talk(left, numbered(up), near_pieces),
                talk(right, numbered(down), far_pieces),
            );
            assert_eq!(copied.unwrap(), (up as u64, down as u64));
            assert!(heard == numbered(down) && heard_there == numbered(up));
            assert_eq!(buffers.large().0, 0);
        });
    }
}

#[tokio::test]
async fn on_a_connection_where_nothing_passes_no_buffer_is_held() {
    let ((mut left, mut near), (mut far, mut right)) = (duplex(1 << 20), duplex(1 << 20));
    let buffers = Buffers::default();
    let mut copying = pin!(copy_both_ways(&mut near, &mut far, &buffers, &PIPES));
    assert!(poll(copying.as_mut()).is_pending());
    assert_eq!(buffers.large(), (0, 1));
    left.write_all(&numbered(100_000)).await.unwrap();
    assert!(poll(copying.as_mut()).is_pending());
    assert_eq!(buffers.large(), (0, 1), "all of it has been written");
    let mut heard = vec![0; 100_000];
    right.read_exact(&mut heard).await.unwrap();
    assert!(heard == numbered(100_000));
}

#[tokio::test]
async fn what_can_not_be_written_is_held_in_a_buffer_of_fitting_size() {
    let ((mut left, mut near), (mut far, mut right)) = (duplex(1 << 20), duplex(1000));
    let buffers = Buffers::default();
    let mut copying = pin!(copy_both_ways(&mut near, &mut far, &buffers, &PIPES));
    left.write_all(&numbered(20_000)).await.unwrap();
    assert!(poll(copying.as_mut()).is_pending());
    assert_eq!(buffers.large(), (1, 1), "19,000 bytes are held");
    let mut heard = vec![0; 15_000];
    for piece in heard.chunks_mut(1000) {
        right.read_exact(piece).await.unwrap();
        assert!(poll(copying.as_mut()).is_pending());
    }
    assert_eq!(buffers.large(), (0, 2), "4,000 bytes are held");
    assert!(heard == numbered(15_000));
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_other_side() {
    const ROOM: usize = 1000;
    let ((mut left, mut near), (mut far, _right)) = (duplex(ROOM), duplex(ROOM));
    let buffers = Buffers::default();
    let mut copying = pin!(copy_both_ways(&mut near, &mut far, &buffers, &PIPES));
    let mut accepted = 0;
    for _ in 0..1000 {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(written) = Pin::new(&mut left).poll_write(&mut cx, &[0; ROOM]) {
            accepted += written.unwrap();
        }
        assert!(poll(copying.as_mut()).is_pending());
    }
    assert_eq!(accepted, ROOM + SMALL + ROOM, "both streams and a small buffer are full");
}

/// Never ends, and is always ready.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.advance(buffer.remaining());
        Poll::Ready(Ok(()))
    }
}

impl OnSocket for Endless {}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(b.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn streams_that_are_always_ready_leave_time_to_others() {
    let buffers = Buffers::default();
    let (mut near, mut far) = (Endless, Endless);
    tokio::select! {
        biased;
        _ = copy_both_ways(&mut near, &mut far, &buffers, &PIPES) => unreachable!(),
        () = async { for _ in 0..100 { yield_now().await } } => {}
    }
}

#[tokio::test]
async fn a_stream_that_fails_is_noticed_while_the_other_accepts_nothing() {
    for length in [500, 20_000] {
        let said = numbered(length);
        let mut near = resets_after(&said);
        let (mut far, _right) = duplex(100);
        let buffers = Buffers::default();
        let copied = poll(pin!(copy_both_ways(&mut near, &mut far, &buffers, &PIPES)));
        let Poll::Ready(Err(e)) = copied else { panic!("not noticed with {length} bytes") };
        assert_eq!(e.kind(), io::ErrorKind::ConnectionReset);
    }
}

/// Says this, and fails.
fn resets_after(bytes: &[u8]) -> impl OnSocket {
    tokio::io::join(bytes.chain(Fails), tokio::io::sink())
}

struct Fails;

impl AsyncRead for Fails {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}
