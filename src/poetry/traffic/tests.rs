use super::*;
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy_bidirectional, duplex};
use tokio::time::{sleep, timeout};

/// How long it takes, in whole seconds, until 10 seconds have been quiet, if they ever are; once any
/// passing counts, and once only if nothing is expected any more. What passes is what `ends` do.
async fn quiet_after(ends: impl AsyncFn(DuplexStream, DuplexStream)) -> [Option<u64>; 2] {
    let (traffic, start, counter) = (Traffic::new(), Instant::now(), Counter::default());
    let ((one, left), (other, right)) = (duplex(100), duplex(100));
    let (mut one, mut other) = (traffic.watch(one, &counter), traffic.watch(other, &counter));
    let time = Duration::from_secs(10);
    let passing = async {
        tokio::join!(copy_bidirectional(&mut one, &mut other), ends(left, right)).0.unwrap();
        pending().await
    };
    let quiet = async {
        let day = Duration::from_secs(24 * 60 * 60);
        let quiet = timeout(day, traffic.none_for(time)).await;
        let first = quiet.ok().map(|()| start.elapsed().as_secs());
        let quiet = timeout(day, traffic.none_expected_for(time)).await;
        [first, quiet.ok().map(|()| start.elapsed().as_secs())]
    };
    tokio::select! {
        quiet = quiet => quiet,
        () = passing => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_passes_in_either_way_starts_the_time_anew() {
    let both_speak = async |mut left: DuplexStream, mut right: DuplexStream| {
        for _ in 0..5 {
            sleep(Duration::from_secs(9)).await;
            left.write_u8(0).await.unwrap();
            sleep(Duration::from_secs(9)).await;
            right.write_u8(0).await.unwrap();
        }
        pending().await
    };
    assert_eq!(quiet_after(both_speak).await, [Some(100); 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_and_not_written_yet_is_expected() {
    let right_reads_late = async |mut left: DuplexStream, mut right: DuplexStream| {
        left.write_all(&[0; 150]).await.unwrap(); // 50 of them don't fit
        sleep(Duration::from_secs(55)).await;
        right.read_exact(&mut [0; 150]).await.unwrap();
        pending().await
    };
    assert_eq!(quiet_after(right_reads_late).await, [Some(10), Some(65)]);
}

#[tokio::test(start_paused = true)]
async fn behind_the_end_of_one_side_the_other_is_expected_to_answer() {
    let left_ends = async |left: DuplexStream, right: DuplexStream| {
        drop(left);
        let _right = right;
        pending().await
    };
    assert_eq!(quiet_after(left_ends).await, [Some(10), None]);
}
