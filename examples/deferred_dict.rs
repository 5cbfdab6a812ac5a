//! An exercise of Part 18 of Dave Peticolas's introduction to Twisted: what should a `DeferredDict` mean, and
//! how is it made? Here it does the same as a `DeferredList`, with names instead of positions:
//!
//! - It fires when all its deferreds have fired, with a map from each key to its outcome. The keys are in the
//!   given order, whatever the order of firing. An empty one fires immediately.
//! - It never fails itself: a failure is under its key, next to the successes.
//! - On request, the first success or the first failure ends the wait, and is reported with its key.
//!
//!     cargo run --example deferred_dict

use futures::FutureExt;
use futures::future::{BoxFuture, join_all, select_ok, try_join_all};
use indexmap::IndexMap;
use std::fmt::Debug;
use std::hash::Hash;
use tokio::sync::oneshot::{self, Sender};
use tokio::task::{JoinError, yield_now};

/// Deferreds by key. As in a Python dict, no key occurs twice, and they keep their order.
type DeferredDict<K, T, E> = IndexMap<K, BoxFuture<'static, Result<T, E>>>;

/// All outcomes by key: `DeferredDict(deferreds)`.
async fn join_dict<K: Hash + Eq, T, E>(dict: DeferredDict<K, T, E>) -> IndexMap<K, Result<T, E>> {
    let (keys, deferreds): (Vec<_>, Vec<_>) = dict.into_iter().unzip();
    keys.into_iter().zip(join_all(deferreds).await).collect()
}

/// The first success and its key: `fireOnOneCallback`. If nothing succeeds, the last failure and its key; and
/// nothing if there was nothing to wait for.
async fn first_in_dict<K, T, E>(dict: DeferredDict<K, T, E>) -> Option<Result<(K, T), (K, E)>> {
    if dict.is_empty() {
        return None;
    }
    let named = dict.into_iter().map(|(key, deferred)| Box::pin(with_key(key, deferred)));
    Some(select_ok(named).await.map(|(first, _abandoned)| first))
}

/// All results by key, or the first failure and its key: `fireOnOneErrback`.
async fn try_join_dict<K: Hash + Eq, T, E>(
    dict: DeferredDict<K, T, E>,
) -> Result<IndexMap<K, T>, (K, E)> {
    let named = dict.into_iter().map(|(key, deferred)| with_key(key, deferred));
    Ok(try_join_all(named).await?.into_iter().collect())
}

/// Names an outcome, good or bad.
async fn with_key<K, T, E>(
    key: K,
    deferred: impl Future<Output = Result<T, E>>,
) -> Result<(K, T), (K, E)> {
    match deferred.await {
        Ok(result) => Ok((key, result)),
        Err(error) => Err((key, error)),
    }
}

/// What the programs below wait for: the poem of a server, or why it could not be fetched.
type Poem = Result<&'static str, &'static str>;

type Poems = DeferredDict<&'static str, &'static str, &'static str>;

/// A deferred, and what fires it.
fn deferred() -> (Sender<Poem>, BoxFuture<'static, Poem>) {
    let (sender, receiver) = oneshot::channel();
    (sender, receiver.map(|fired| fired.unwrap_or(Err("never fired"))).boxed())
}

/// Three poets who have not written yet, and their future poems.
fn three() -> ([Sender<Poem>; 3], Poems) {
    let ((john, johns), (kojo, kojos), (walt, walts)) = (deferred(), deferred(), deferred());
    ([john, kojo, walt], IndexMap::from([("john", johns), ("kojo", kojos), ("walt", walts)]))
}

/// Fires a deferred, then lets those who wait for it run.
async fn fire(key: &str, deferred: Sender<Poem>, outcome: Poem) {
    println!("Firing {key} with {outcome:?}.");
    if deferred.send(outcome).is_err() {
        println!("Nobody waits for {key} any more.");
    }
    yield_now().await;
}

fn got_results(results: impl Debug) {
    println!("We got: {results:?}");
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// An empty dict fires immediately.
async fn none() {
    heading("A dict of none");
    got_results(join_dict(Poems::new()).await);
}

/// Every poem under its poet, in the order asked for, although they arrived in another order.
async fn all() -> Result<(), JoinError> {
    heading("All, whatever the order of firing");
    let ([john, kojo, walt], dict) = three();
    let callback = tokio::spawn(join_dict(dict).map(got_results));
    fire("walt", walt, Ok("Leaves of Grass")).await;
    fire("john", john, Ok("The Ecstasy")).await;
    fire("kojo", kojo, Ok("A haiku")).await;
    callback.await
}

/// A failure next to the successes. It is handled by looking under its key.
async fn a_failure_among_them() -> Result<(), JoinError> {
    heading("A failure beside the successes");
    let ([john, kojo, walt], dict) = three();
    let callback = tokio::spawn(join_dict(dict).map(|poems| {
        got_results(&poems);
        if let Err(reason) = poems["kojo"] {
            println!("Nothing from kojo: {reason}.");
        }
    }));
    fire("john", john, Ok("The Ecstasy")).await;
    fire("kojo", kojo, Err("connection refused")).await;
    fire("walt", walt, Ok("Leaves of Grass")).await;
    callback.await
}

/// The first poem is enough. A failure before it is ignored, the rest is abandoned.
async fn the_first_success() -> Result<(), JoinError> {
    heading("fireOnOneCallback: the first success");
    let ([john, kojo, walt], dict) = three();
    let callback = tokio::spawn(first_in_dict(dict).map(got_results));
    fire("kojo", kojo, Err("connection refused")).await;
    fire("walt", walt, Ok("Leaves of Grass")).await;
    fire("john", john, Ok("The Ecstasy")).await;
    callback.await
}

/// The first failure ends it, and the key says where it happened.
async fn the_first_failure() -> Result<(), JoinError> {
    heading("fireOnOneErrback: the first failure");
    let ([john, kojo, walt], dict) = three();
    let callback = tokio::spawn(try_join_dict(dict).map(got_results));
    fire("john", john, Ok("The Ecstasy")).await;
    fire("kojo", kojo, Err("connection refused")).await;
    fire("walt", walt, Ok("Leaves of Grass")).await;
    callback.await
}

/// Without a failure, the results need not be wrapped in a `Result` each.
async fn no_failure() -> Result<(), JoinError> {
    heading("fireOnOneErrback, and no failure");
    let ([john, kojo, walt], dict) = three();
    let callback = tokio::spawn(try_join_dict(dict).map(got_results));
    fire("kojo", kojo, Ok("A haiku")).await;
    fire("walt", walt, Ok("Leaves of Grass")).await;
    fire("john", john, Ok("The Ecstasy")).await;
    callback.await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), JoinError> {
    none().await;
    all().await?;
    a_failure_among_them().await?;
    the_first_success().await?;
    the_first_failure().await?;
    no_failure().await
}
