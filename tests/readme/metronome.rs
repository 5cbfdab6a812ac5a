//! A kind of service that is no part of poetryd, as the README shows it.

use poetryd::async_trait;
use poetryd::config::{Kind, Registry, Section, read};
use poetryd::service::{BoxError, Context, Service};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The settings of `kind = "metronome"`.
#[derive(Debug, PartialEq)]
struct Metronome {
    beats_per_minute: u16,
}

impl Kind for Metronome {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let beats_per_minute = section.required("beats-per-minute", read::integer(1..=300))?;
        Some(Self { beats_per_minute })
    }

    fn service(&self) -> Box<dyn Service> {
        let pause = Duration::from_secs(60) / u32::from(self.beats_per_minute);
        Box::new(Ticking { pause, task: None })
    }
}

struct Ticking {
    pause: Duration,
    task: Option<JoinHandle<()>>,
}

#[async_trait]
impl Service for Ticking {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let pause = self.pause;
        self.task = Some(cx.spawn(async move {
            loop {
                tracing::info!("tock");
                sleep(pause).await;
            }
        }));
        Ok(())
    }

    async fn stop(&mut self, _deadline: Instant) -> Result<(), BoxError> {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        Ok(())
    }
}

/// To be handed to [`Program::registry`](poetryd::Program::registry).
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.kind::<Metronome>("metronome");
    registry
}
