//! Part 18 of Dave Peticolas's introduction to Twisted, "Deferreds En Masse", in Rust: its programs
//! `deferred-list-1` to `-7`, and what its exercises suggest to try.
//!
//!     cargo run --example deferred_list
//!
//! A deferred is a oneshot channel: the side that promised the result has the sender and *fires* it, the side
//! that wants the result awaits the receiver. A list of deferreds is a future made of futures. What
//! `DeferredList` does depending on flags, `futures` does in functions with different names: `join_all`,
//! `select_ok` and `try_join_all`.

use futures::future::{BoxFuture, join_all, select_ok, try_join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, TryFutureExt};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::oneshot::{self, Sender};
use tokio::task::{JoinError, yield_now};

/// What a deferred is fired with: a result or a failure.
type Outcome = Result<&'static str, Failure>;

/// A result in the future.
type Deferred = BoxFuture<'static, Outcome>;

/// A deferred, and its sender. If the sender is dropped without firing, the deferred has failed.
fn deferred() -> (Sender<Outcome>, Deferred) {
    let (sender, receiver) = oneshot::channel();
    (sender, receiver.unwrap_or_else(|_| failure("never fired")).boxed())
}

/// Fires a deferred, then lets those who wait for it run. Twisted runs the callbacks within the call that
/// fires. Rust wakes the task that waits, and that task runs when this one pauses.
async fn fire(name: &str, deferred: Sender<Outcome>, outcome: Outcome) {
    println!("Firing {name} with {outcome:?}.");
    if deferred.send(outcome).is_err() {
        println!("Nobody waits for {name} any more.");
    }
    yield_now().await;
}

/// An error that complains when it is dropped and nobody has handled it, as Twisted's does when it is
/// garbage-collected. The compiler warns about a `Result` that is not used, but not about a list of them.
#[derive(Clone)]
struct Failure(Arc<Reason>);

struct Reason {
    text: &'static str,
    handled: AtomicBool,
}

fn failure(text: &'static str) -> Outcome {
    Err(Failure(Arc::new(Reason { text, handled: AtomicBool::new(false) })))
}

impl Failure {
    /// What an errback does that returns no failure of its own.
    fn handle(&self) {
        self.0.handled.store(true, Relaxed);
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.text)
    }
}

impl Drop for Reason {
    fn drop(&mut self) {
        if !self.handled.load(Relaxed) {
            println!("Unhandled error in Deferred: {}", self.text);
        }
    }
}

/// The callback of every program.
fn got_results(results: impl fmt::Debug) {
    println!("We got: {results:?}");
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// A list of no deferreds has fired before it has a callback. `join_all` of nothing is ready when it is first
/// polled, and not before: a future does nothing until it is awaited.
async fn deferred_list_1() {
    heading("deferred-list-1: a list of none");
    let list = join_all::<[Deferred; 0]>([]);
    println!("Adding the callback.");
    got_results(list.await);
}

/// A list of one deferred fires when that one does, with a list of one outcome: whether it succeeded, and the
/// result. Twisted's pair of a flag and a value is Rust's `Result`. To add a callback means to spawn a task
/// that awaits the list and continues from there.
async fn deferred_list_2() -> Result<(), JoinError> {
    heading("deferred-list-2: a list of one");
    let (fire_d1, d1) = deferred();
    let list = join_all([d1]);
    println!("Adding the callback.");
    let callback = tokio::spawn(list.map(got_results));
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

/// A list of two waits for both: nothing happens when the first fires.
async fn deferred_list_3() -> Result<(), JoinError> {
    heading("deferred-list-3: a list of two");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let callback = tokio::spawn(join_all([d1, d2]).map(got_results));
    fire("d1", fire_d1, Ok("d1 result")).await;
    fire("d2", fire_d2, Ok("d2 result")).await;
    callback.await
}

/// The results are in the order of the list, whichever fired first. The same holds for `join_all`.
async fn deferred_list_4() -> Result<(), JoinError> {
    heading("deferred-list-4: fired in another order");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let callback = tokio::spawn(join_all([d1, d2]).map(got_results));
    fire("d2", fire_d2, Ok("d2 result")).await;
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

/// The list itself never fails: a failure is in the list like a success. With `consumeErrors`, the list
/// handles failures; here that is a step between the list and its callback.
async fn deferred_list_5() -> Result<(), JoinError> {
    heading("deferred-list-5: a failure, consumed");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let list = join_all([d1, d2]).inspect(|outcomes| {
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(Failure::handle);
    });
    let callback = tokio::spawn(list.map(got_results));
    fire("d1", fire_d1, Ok("d1 result")).await;
    fire("d2", fire_d2, failure("d2 failure")).await;
    callback.await
}

/// The same without `consumeErrors`: the callback has seen the failure, but nobody has handled it, which is
/// reported. Twisted does so when the garbage collector finds the failure, Rust at the brace where the
/// outcomes go out of scope.
async fn deferred_list_6() -> Result<(), JoinError> {
    heading("deferred-list-6: a failure, not consumed");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let callback = tokio::spawn(join_all([d1, d2]).map(got_results));
    fire("d1", fire_d1, Ok("d1 result")).await;
    fire("d2", fire_d2, failure("d2 failure")).await;
    callback.await
}

/// A deferred in a list may have an errback of its own. The list still sees the failure, the errback handles
/// it, and nothing is reported. A future has one owner, so the two share it.
async fn deferred_list_7() -> Result<(), JoinError> {
    heading("deferred-list-7: a failure, handled by its own errback");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let (d1, d2) = (d1.shared(), d2.shared());
    let callback = tokio::spawn(join_all([d1, d2.clone()]).map(got_results));
    let errback = tokio::spawn(d2.map(|outcome| {
        if let Err(failure) = outcome {
            failure.handle();
        }
    }));
    fire("d1", fire_d1, Ok("d1 result")).await;
    fire("d2", fire_d2, failure("d2 failure")).await;
    errback.await?;
    callback.await
}

/// `fireOnOneCallback`: the first success ends the wait, and is reported with its position in the list. That
/// is `select_ok`, which ignores failures (and panics if the list is empty, where Twisted waits for ever).
/// The others are dropped, and their senders find out that their receivers are gone. In Twisted they continue
/// without effect.
async fn fire_on_one_callback() -> Result<(), JoinError> {
    heading("fireOnOneCallback: the first success");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let (fire_d3, d3) = deferred();
    let places = [d1, d2, d3].into_iter().enumerate();
    let list = select_ok(places.map(|(place, d)| d.map_ok(move |result| (result, place)).boxed()));
    let list = list.map_ok(|(first, _abandoned)| first);
    let callback = tokio::spawn(list.map(got_results));
    fire("d3", fire_d3, failure("d3 failure")).await;
    fire("d2", fire_d2, Ok("d2 result")).await;
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

/// `fireOnOneErrback`: the first failure ends the wait. Without a failure: all results in order, without a
/// `Result` around each. That is `try_join_all`, the `?` for lists.
async fn fire_on_one_errback() -> Result<(), JoinError> {
    heading("fireOnOneErrback: the first failure");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let callback = tokio::spawn(try_join_all([d1, d2]).map(|outcome| match outcome {
        Ok(results) => got_results(results),
        Err(failure) => {
            println!("We failed: {failure:?}");
            failure.handle();
        }
    }));
    fire("d2", fire_d2, failure("d2 failure")).await;
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

/// A list of lists, as suggested by an exercise. A list is also a deferred, so the outcomes are a list of
/// lists. A Twisted list has a flag, always true, with each inner one; in Rust, the types say that `join_all`
/// does not fail.
async fn list_of_lists() -> Result<(), JoinError> {
    heading("A list of lists");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let (fire_d3, d3) = deferred();
    let lists = join_all([join_all(vec![d1, d2]), join_all(vec![d3])]);
    let callback = tokio::spawn(lists.map(got_results));
    fire("d3", fire_d3, Ok("d3 result")).await;
    fire("d2", fire_d2, Ok("d2 result")).await;
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

/// What a `DeferredList` can't do: report each outcome as soon as it is there, in the order of firing.
/// `FuturesUnordered` is a stream of them.
async fn as_they_fire() -> Result<(), JoinError> {
    heading("As they fire");
    let (fire_d1, d1) = deferred();
    let (fire_d2, d2) = deferred();
    let unordered = FuturesUnordered::from_iter([d1, d2]);
    let callback = tokio::spawn(unordered.for_each(async |outcome| got_results(outcome)));
    fire("d2", fire_d2, Ok("d2 result")).await;
    fire("d1", fire_d1, Ok("d1 result")).await;
    callback.await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), JoinError> {
    deferred_list_1().await;
    deferred_list_2().await?;
    deferred_list_3().await?;
    deferred_list_4().await?;
    deferred_list_5().await?;
    deferred_list_6().await?;
    deferred_list_7().await?;
    fire_on_one_callback().await?;
    fire_on_one_errback().await?;
    list_of_lists().await?;
    as_they_fire().await
}
