//! Part 17 of Dave Peticolas's introduction to Twisted, "Just Another Way to Spell 'Callback'", in
//! Rust: its programs `gen-1` to `-4`, and `inline-callbacks-1`, `-2` and `-tb`.
//!
//!     cargo run --example inline_callbacks
//!
//! Twisted turns a generator into a chain of callbacks: it yields a deferred, sleeps, and is resumed with the
//! result. In Rust the language does that: an `async` function is such a generator, `.await` is its yield,
//! and `?` raises the failure of a deferred. The clock is Tokio's clock for tests, which jumps to the next
//! timer when everything waits: the output shows the right seconds, but nobody has to wait for them.

use futures::future::{poll_fn, ready};
use futures::stream::{self, Stream, StreamExt};
use std::pin::pin;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep};

/// The type of exceptions whose details nobody needs.
type Exception = Box<dyn std::error::Error + Send + Sync>;

fn heading(text: &str) {
    println!("\n== {text}");
}

/// The generator of the first two programs: three numbers, and a word before each. `unfold` calls the closure
/// for the next number when it is asked for, with the state that the last call returned.
fn counting() -> impl Stream<Item = u32> {
    stream::unfold(0, async |given| {
        println!("{}", ["waking up", "working", "still at it", "finished"][given as usize]);
        let next = given + 1;
        (next <= 3).then_some((next, next))
    })
}

/// The body of a generator and the loop that consumes it run alternately, one step for each number. For
/// streams, `while let` is the `for` loop.
async fn gen_1() {
    heading("gen-1: a generator");
    let mut numbers = pin!(counting());
    while let Some(number) = numbers.next().await {
        println!("{number}");
    }
}

/// The same loop, step by step: nothing happens before the first `next`, and where Python raises
/// `StopIteration`, Rust returns `None`.
#[expect(clippy::while_let_loop, reason = "gen-1 is what it suggests")]
async fn gen_2() {
    heading("gen-2: the loop by hand");
    let mut numbers = pin!(counting());
    println!("it is made, and has not begun");
    loop {
        match numbers.next().await {
            Some(number) => println!("{number}"),
            None => break,
        }
    }
}

/// Two generators that alternate. Each is suspended while the other runs, and continues where it was: what a
/// reactor does with callbacks. Nothing here has to wait, so these are plain iterators.
fn gen_3() {
    heading("gen-3: two by turns");
    let ones = 1..=3;
    let tens = (10..=40).step_by(10);
    let mut running: Vec<Box<dyn Iterator<Item = u32>>> = vec![Box::new(ones), Box::new(tens)];
    while !running.is_empty() {
        running.retain_mut(|numbers| numbers.next().inspect(|n| println!("{n}")).is_some());
    }
}

/// What `throw` raises in a generator.
struct Malfunction;

/// What a generator is resumed with.
type Resumed = Result<u32, Malfunction>;

/// A generator's end of the channels.
struct Caller(mpsc::Sender<(u32, oneshot::Sender<Resumed>)>);

impl Caller {
    /// `yield number`: sends the number with a deferred for the answer, and waits for that. A caller that has
    /// gone never answers. Its generator stays suspended, and is dropped with the runtime.
    async fn give(&self, number: u32) -> Resumed {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send((number, answer)).await;
        match answered.await {
            Ok(resumed) => resumed,
            Err(_gone) => futures::future::pending().await,
        }
    }
}

/// The caller's end of the channels.
struct Generator {
    given: mpsc::Receiver<(u32, oneshot::Sender<Resumed>)>,
    answer: Option<oneshot::Sender<Resumed>>,
}

impl Generator {
    /// Answers the last yield, if there was one, and waits for the next.
    async fn resume(&mut self, with: Resumed) -> Option<u32> {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(with);
        }
        let (number, answer) = self.given.recv().await?;
        self.answer = Some(answer);
        Some(number)
    }

    /// Sends a value that is ignored.
    async fn next(&mut self) -> Option<u32> {
        self.resume(Ok(0)).await
    }

    async fn send(&mut self, value: u32) -> Option<u32> {
        self.resume(Ok(value)).await
    }

    async fn throw(&mut self, malfunction: Malfunction) -> Option<u32> {
        self.resume(Err(malfunction)).await
    }
}

/// The generator of `gen-4`. A malfunction at the third yield is caught; elsewhere `?` ends the generator.
async fn conversing(caller: Caller) -> Result<(), Malfunction> {
    println!("waking up");
    println!("was sent {}", caller.give(1).await?);
    println!("was sent {}", caller.give(2).await?);
    if let Err(Malfunction) = caller.give(3).await {
        println!("a malfunction!");
    }
    caller.give(4).await?;
    println!("finished");
    Ok(())
}

/// A yield has a value, which the caller sends, and may raise an exception, which the caller throws. That is
/// all that `inlineCallbacks` needs, and two channels and a `Result` are enough for it.
async fn gen_4() {
    heading("gen-4: a conversation");
    let (sender, given) = mpsc::channel(1);
    tokio::spawn(conversing(Caller(sender)));
    let mut generator = Generator { given, answer: None };
    println!("{:?}", generator.next().await);
    println!("{:?}", generator.send(10).await);
    println!("{:?}", generator.send(20).await);
    println!("{:?}", generator.throw(Malfunction).await);
    println!("{:?}", generator.next().await);
}

/// A deferred that is fired by the clock, like `reactor.callLater`. Its time passes even if nobody waits yet.
/// The first `?` is for a deferred whose sender has gone.
fn call_later<T: Send + 'static>(
    seconds: u64,
    outcome: Result<T, Exception>,
) -> impl Future<Output = Result<T, Exception>> {
    let (fire, fired) = oneshot::channel();
    tokio::spawn(async move {
        sleep(Duration::from_secs(seconds)).await;
        let _ = fire.send(outcome);
    });
    async { fired.await? }
}

/// Each part between two yields is a callback. A value that is there already is returned immediately, a
/// deferred suspends the function until it fires, and a failure is raised where it was awaited.
async fn inline_callbacks_1() -> Result<(), Exception> {
    heading("inline-callbacks-1: yields are callbacks");
    let started = Instant::now();
    let seconds = || started.elapsed().as_secs();

    println!("{} s: the first callback", seconds());
    let result = ready(1).await;
    println!("{} s: the second callback got {result}", seconds());
    let result = call_later(5, Ok(2)).await?;
    println!("{} s: the third callback got {result}", seconds());
    match call_later(5, Err::<u32, _>("three".into())).await {
        Ok(result) => println!("{} s: it should have failed, and got {result}", seconds()),
        Err(error) => println!("{} s: the fourth callback got {error:?}", seconds()),
    }
    Ok(())
}

/// Three parts with two seconds in between, and a result. Where Twisted had `returnValue`, this ends with
/// `Ok`.
async fn that_returns() -> Result<u32, Exception> {
    println!("that_returns: the first callback");
    call_later(2, Ok(())).await?;
    println!("that_returns: the second callback");
    call_later(2, Ok(())).await?;
    println!("that_returns: the third callback");
    Ok(1)
}

/// The same with three seconds, and an exception instead of a result.
async fn that_fails() -> Result<u32, Exception> {
    println!("that_fails: the first callback");
    call_later(3, Ok(())).await?;
    println!("that_fails: the second callback");
    call_later(3, Ok(())).await?;
    println!("that_fails: the third callback");
    Err("uh oh".into())
}

/// The `addCallbacks(got_result, got_error)` of both.
async fn report(deferred: impl Future<Output = Result<u32, Exception>>) {
    match deferred.await {
        Ok(result) => println!("got the result {result}"),
        Err(error) => println!("got the error {error}"),
    }
}

/// What such a function returns is itself a deferred, of its result or its exception, so two of them can run
/// at the same time. Twisted's begin when they are called, Rust's when they are first polled.
async fn inline_callbacks_2() {
    heading("inline-callbacks-2: two at once, a result and an exception");
    tokio::join!(report(that_returns()), report(that_fails()));
    println!("both are done");
}

/// This is not among the programs, but the reason to write them in this way: an exception that nobody catches
/// passes through all callers, each of which is a chain of callbacks, up to the one that asks.
async fn question_marks() {
    heading("The errback chain is a question mark");
    async fn fetch() -> Result<String, Exception> {
        call_later(1, Err("connection refused".into())).await
    }
    async fn transform() -> Result<String, Exception> {
        let poem = fetch().await?;
        println!("transform: never gets here");
        Ok(poem.to_lowercase())
    }
    async fn print() -> Result<(), Exception> {
        let poem = transform().await?;
        println!("print: never gets here with {poem}");
        Ok(())
    }
    println!("the poem: {:?}", print().await);
}

/// The program prints the stack within a generator: below it is not its first caller, but the deferred that
/// fired, and the reactor. A Rust function that awaits is also called again, with `poll`, each time that
/// something has woken it. This shows the calls.
async fn inline_callbacks_tb() {
    heading("inline-callbacks-tb: who calls?");
    let mut watched = pin!(async {
        println!("  the first stretch");
        let result = call_later(1, Ok("what was fired")).await;
        println!("  the second stretch got {result:?}");
    });
    poll_fn(|context| {
        println!("the runtime calls");
        let poll = watched.as_mut().poll(context);
        println!("and has it back: {poll:?}");
        poll
    })
    .await;
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Exception> {
    gen_1().await;
    gen_2().await;
    gen_3();
    gen_4().await;
    inline_callbacks_1().await?;
    inline_callbacks_2().await;
    question_marks().await;
    inline_callbacks_tb().await;
    Ok(())
}
