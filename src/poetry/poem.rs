//! `kind = "poem"`: a poem, loaded from a file when the application starts.

use crate::config::{Kind, Section, read};
use crate::net::Payload;
use crate::service::{BoxError, Context, Counters, Files, Handle, Sample, Service, Update};
use crate::sync::Mutex;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use std::any::TypeId;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{info, warn};

/// The built-in poem, for a first start without any file: John Donne's "The Ecstasy".
pub const BUILT_IN_POEM: &[u8] = include_bytes!("../../poetry/ecstasy.txt");

/// The settings of a poem service.
#[derive(Debug, PartialEq)]
pub struct PoemSettings {
    /// `None`: the built-in poem.
    file: Option<PathBuf>,
}

impl PoemSettings {
    /// The poem in a file, or else the built-in poem.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }
}

impl Kind for PoemSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let file = section
            .about("The file with the poem [example: poetry/ecstasy.txt]")
            .required("file", read::path);
        Some(Self { file: Some(file?) })
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(Poem { file: self.file.clone(), handle: PoemHandle::default() })
    }

    fn handle() -> Option<TypeId> {
        Some(TypeId::of::<PoemHandle>())
    }
}

/// A service that holds a poem in memory. Others find its [`PoemHandle`] by its name.
///
/// The poem is read at the start, and again at each reload. It is bytes: no encoding is assumed.
pub struct Poem {
    /// `None`: the built-in poem.
    file: Option<PathBuf>,
    handle: PoemHandle,
}

/// Access to the poem that a [`Poem`] service has loaded. Cheap to clone.
#[derive(Clone, Default)]
pub struct PoemHandle(Arc<ArcSwapOption<Payload>>);

impl PoemHandle {
    /// The poem: one buffer, shared by all who serve it. `None`: it has not been loaded yet.
    pub fn get(&self) -> Option<Payload> {
        self.0.load().as_deref().cloned()
    }

    /// From now on, this poem is served.
    fn show(&self, poem: Payload, origin: &str, cx: &Context) {
        let bytes = poem.len();
        info!(file = origin, bytes, "loaded a poem from {origin} ({bytes} bytes)");
        cx.status(text_of(&poem, origin));
        if poem.is_empty() {
            warn!(file = origin, "the poem {origin} is empty: clients will get nothing");
        }
        self.0.store(Some(Arc::new(poem)));
    }
}

/// The size of the poem, as a number that can be read from outside.
///
/// While a reload replaces the service, there are two, and if it fails, the new one is dropped: so it remembers
/// all that exist, in the order in which they started, and the last one counts.
#[derive(Default)]
struct PoemSize(Mutex<Vec<Weak<ArcSwapOption<Payload>>>>);

impl PoemSize {
    /// From now on, the poem of this handle counts.
    fn measure(&self, handle: &PoemHandle) {
        let mut all = self.0.lock();
        all.retain(|one| one.strong_count() > 0 && !std::ptr::eq(one.as_ptr(), &*handle.0));
        all.push(Arc::downgrade(&handle.0));
    }

    /// The size of the poem. None, if there is none.
    fn bytes(&self) -> Option<u64> {
        let last = self.0.lock().iter().rev().find_map(Weak::upgrade)?;
        PoemHandle(last).get().map(|poem| poem.len() as u64)
    }
}

impl Counters for PoemSize {
    fn read(&self) -> Vec<Sample> {
        let size = |bytes| Sample::gauge("poem_bytes", "The size of the poem in memory.", bytes);
        self.bytes().map(size).into_iter().collect()
    }

    fn version(&self) -> Option<u64> {
        Some(self.bytes().map_or(0, |bytes| bytes + 1))
    }
}

fn text_of(poem: &Payload, origin: &str) -> String {
    format!("{} bytes from {origin}", poem.len())
}

impl Poem {
    /// The poem in a file. A relative name is relative to the rundir.
    pub fn from_file(file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), handle: PoemHandle::default() }
    }

    /// The built-in poem.
    pub fn built_in() -> Self {
        Self { file: None, handle: PoemHandle::default() }
    }
}

#[async_trait]
impl Service for Poem {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let (poem, origin) = match &self.file {
            Some(file) => (read_poem(file)?, file.display().to_string()),
            None => (BUILT_IN_POEM.into(), "the program itself".to_owned()),
        };
        self.handle.show(poem, &origin, cx);
        cx.counters("poem", PoemSize::default).measure(&self.handle);
        Ok(())
    }

    /// Reads the file again, without keeping a worker from its clients.
    async fn reload(&mut self, cx: &Context) -> Result<Update, BoxError> {
        let Some(file) = self.file.clone() else { return Ok(Update::none()) };
        let origin = file.display().to_string();
        let poem = spawn_blocking(move || read_poem(&file)).await??;
        if self.handle.get().is_some_and(|before| *before == *poem) {
            return Ok(Update::none());
        }
        let (handle, cx) = (self.handle.clone(), cx.clone());
        let text = text_of(&poem, &origin);
        Ok(Update::new(text, move || cx.span().in_scope(|| handle.show(poem, &origin, &cx))))
    }

    /// The poem stays in memory for those who are still reading it or use the handle.
    async fn stop(&mut self, _deadline: Instant) -> Result<(), BoxError> {
        Ok(())
    }

    fn handle(&self) -> Option<Handle> {
        Some(Handle::new(self.handle.clone()))
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn kind(&self) -> &str {
        "poem"
    }

    fn check(&self, files: &Files) -> Result<String, BoxError> {
        Ok(match &self.file {
            Some(file) => {
                let bytes = read_poem(&files.find(file))?.len();
                format!("would load a poem from {} ({bytes} bytes)", file.display())
            }
            None => {
                format!("would load the built-in poem ({} bytes)", BUILT_IN_POEM.len())
            }
        })
    }
}

/// Reads a poem. Refuses files that may never end or that would wait for a writer: a device, a FIFO.
fn read_poem(file: &Path) -> Result<Payload, BoxError> {
    let read = || -> io::Result<Payload> {
        let kind = std::fs::metadata(file)?.file_type();
        if kind.is_dir() {
            return Err(io::Error::other("it is a directory"));
        }
        if !kind.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Payload::read(&mut File::open(file)?)
    };
    read().map_err(|e| {
        // The full path, since a relative name may be relative to another directory than expected.
        let path = std::path::absolute(file).unwrap_or(file.into());
        format!("can't load the poem {}: {e}", path.display()).into()
    })
}

#[cfg(test)]
mod tests;
