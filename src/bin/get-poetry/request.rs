//! Getting one poem: trying again, and having it transformed.

use crate::progress::Line;
use bytes::Bytes;
use poetryd::poetry::fetch::{Address, Client, FetchError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause before the second try. Each further one is twice as long,
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is asked of one server.
pub struct Request<'a> {
    pub address: &'a Address,
    pub transformer: Option<Transformer<'a>>,
    pub client: &'a Client,
    pub retries: u32,
    pub line: Line<'a>,
}

/// Where poems are transformed, and with what.
#[derive(Clone, Copy)]
pub struct Transformer<'a> {
    pub address: &'a Address,
    pub name: &'a str,
}

/// What has become of a request.
pub struct Outcome {
    /// Which of the requests it was.
    pub index: usize,
    pub address: Address,
    /// All that it took, with further tries and the transformation.
    pub duration: Duration,
    pub poem: Result<Poem, Failure>,
}

/// A poem that came.
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
    /// It did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was not waited for to the end.
    #[error("{0} was abandoned")]
    Abandoned(Address),
    /// It came, and could not be written.
    #[error("can't write {}: {source}", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Request<'_> {
    /// Does what is asked, and says on its line how it ended.
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

    /// Tries until it succeeds or there have been enough tries.
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

/// Whether the next try may succeed where this one did not.
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
