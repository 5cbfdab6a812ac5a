//! Fetches one poem: retries, and sends it through the transform server.

use crate::progress::Line;
use bytes::Bytes;
use poetryd::poetry::fetch::{Address, Client, FetchError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause before the second attempt. Each further one is twice as long,
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// up to this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What to ask one server for.
pub struct Request<'a> {
    pub address: &'a Address,
    pub transformer: Option<Transformer<'a>>,
    pub client: &'a Client,
    pub retries: u32,
    pub line: Line<'a>,
}

/// The transform server and the transform.
#[derive(Clone, Copy)]
pub struct Transformer<'a> {
    pub address: &'a Address,
    pub name: &'a str,
}

/// The outcome of a request.
pub struct Outcome {
    /// The index of the request.
    pub index: usize,
    pub address: Address,
    /// The time that it took, including retries and the transformation.
    pub duration: Duration,
    pub poem: Result<Poem, Failure>,
}

/// A poem that was fetched.
pub struct Poem {
    pub bytes: Bytes,
    pub transformation: Transformation,
}

pub enum Transformation {
    NotAsked,
    Done,
    Failed(FetchError),
}

/// Why there is no poem.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was abandoned.
    #[error("{0} was abandoned")]
    Abandoned(Address),
    /// It was fetched, but could not be written.
    #[error("can't write {}: {source}", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
}

impl Request<'_> {
    /// Fetches the poem, and shows the outcome on its progress line.
    pub async fn run(self, index: usize) -> Outcome {
        let start = Instant::now();
        let poem = self.get().await;
        let duration = start.elapsed();
        match &poem {
            Ok(poem) => {
                self.line.came(poem.bytes.len(), duration);
                if let Transformation::Failed(e) = &poem.transformation {
                    self.line.not_transformed(e);
                }
            }
            Err(failure) => self.line.failed(failure),
        }
        Outcome { index, address: self.address.clone(), duration, poem }
    }

    async fn get(&self) -> Result<Poem, Failure> {
        let Self { address, client, line, .. } = self;
        let fetch = async || {
            line.waiting();
            client.fetch(address, |bytes| line.received(bytes)).await
        };
        let bytes = self.persistently(fetch).await?;
        let Some(Transformer { address, name }) = self.transformer else {
            return Ok(Poem { bytes, transformation: Transformation::NotAsked });
        };
        let transform = async || {
            line.transforming();
            client.transform(address, name, &bytes).await
        };
        Ok(match self.persistently(transform).await {
            Ok(bytes) => Poem { bytes, transformation: Transformation::Done },
            Err(e) => Poem { bytes, transformation: Transformation::Failed(e) },
        })
    }

    /// Tries until it succeeds or there are no attempts left.
    async fn persistently(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<Bytes, FetchError>,
    ) -> Result<Bytes, FetchError> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.retries {
            match attempt().await {
                Err(e) if may_pass(&e) => self.line.trying_again(&e, pause),
                settled => return settled,
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        attempt().await
    }
}

/// Whether another attempt may succeed.
fn may_pass(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Connect(_)
            | FetchError::Silent { .. }
            | FetchError::Cut { .. }
            | FetchError::Unfinished { .. }
            | FetchError::Empty { .. }
    )
}
