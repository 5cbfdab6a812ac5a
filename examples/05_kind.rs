//! A kind of service of one's own, for application files such as `examples/05_kind.toml`.
//!
//!     cargo run --example 05_kind -- check examples/05_kind.toml
//!     cargo run --example 05_kind -- --nodaemon examples/05_kind.toml

use poetryd::Program;
use poetryd::config::{Kind, Registry, Section, read};
use poetryd::service::{Service, TimerService};
use std::process::ExitCode;
use std::time::Duration;

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
        Box::new(TimerService::new(pause, |_| async {
            tracing::info!("tock");
            Ok(())
        }))
    }
}

fn main() -> ExitCode {
    let mut registry = Registry::new();
    registry.kind::<Metronome>("metronome");
    Program::new("metronomed", "1.0", "Beats time").registry(registry).main()
}
