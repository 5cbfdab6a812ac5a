//! Plugins: applications that are made from a name and options of their own, instead of a file.
//!
//! A [`ServiceMaker`] has a name, a description, options, and a function that makes an application from them. As
//! with twistd, `poetryd [runner's options] NAME [its own options]` runs one. Plugins that are compiled in are
//! added to a program's [`Plugins`]; others are [manifests](Manifest), TOML files that are found when they are
//! used.
//!
//! ```
//! use poetryd::clap::Args;
//! use poetryd::plugin::{MakeContext, Plugins, ServiceMaker};
//! use poetryd::service::{Application, BoxError};
//!
//! struct Nothing;
//!
//! #[derive(Args)]
//! struct NothingOptions {
//!     /// What to call it
//!     #[arg(long, default_value = "nothing")]
//!     title: String,
//! }
//!
//! impl ServiceMaker for Nothing {
//!     type Options = NothingOptions;
//!     const NAME: &str = "nothing";
//!     const DESCRIPTION: &str = "An application that does nothing";
//!
//!     fn make_service(&self, options: NothingOptions, _: &MakeContext) -> Result<Application, BoxError> {
//!         Ok(Application::new(options.title))
//!     }
//! }
//!
//! let mut plugins = Plugins::new();
//! plugins.add(Nothing);
//! assert_eq!(plugins.list().next(), Some(("nothing", "An application that does nothing")));
//! ```
//!
//! If the application is a single service, one type can be both the plugin and the kind of service for
//! application files, and each option is described once:
//!
//! ```
//! use poetryd::clap::{self, Args};
//! use poetryd::config::{Kind, Registry, Section};
//! use poetryd::net::{Listen, Payload, Peer, Protocol};
//! use poetryd::plugin::Plugins;
//! use poetryd::service::Service;
//!
//! /// Settings that are given as `--port 17 --text hello`, or in a file as `port = 17` and `text = "hello"`.
//! #[derive(Args, Debug, PartialEq)]
//! struct Greeting {
//!     #[command(flatten)]
//!     listen: Listen,
//!     /// What to say
//!     #[arg(long)]
//!     text: String,
//! }
//!
//! impl Kind for Greeting {
//!     fn read(section: &mut Section<'_>) -> Option<Self> {
//!         section.args()
//!     }
//!
//!     fn service(&self) -> Box<dyn Service> {
//!         let text = self.text.clone();
//!         Box::new(self.listen.clone().server(move |_| Ok(Says(text.clone()))))
//!     }
//! }
//!
//! struct Says(String);
//!
//! impl Protocol for Says {
//!     fn monologue(&self, _: &Peer) -> Option<Payload> {
//!         Some(self.0.clone().into())
//!     }
//! }
//!
//! Registry::new().kind::<Greeting>("greeting");
//! Plugins::new().add_kind::<Greeting>("greeting", "Says what it is told to say");
//! ```

mod discovery;
mod kind;
mod maker;
mod manifest;

pub use discovery::{Found, SearchPath};
pub(crate) use maker::Maker;
pub use maker::{MakeContext, ServiceMaker};
pub use manifest::Manifest;

use crate::config::Kind;
use clap::Args;
use kind::KindMaker;
use std::sync::Arc;

/// The plugins that are compiled in.
#[derive(Default)]
pub struct Plugins {
    makers: Vec<Arc<dyn Maker>>,
}

impl Plugins {
    /// No plugins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a plugin, or replaces the one of that name.
    pub fn add(&mut self, maker: impl ServiceMaker) -> &mut Self {
        self.add_maker(Arc::new(maker))
    }

    /// Adds a plugin that is a kind of service as well, or replaces the plugin with that name. Its options are
    /// the settings of the kind. Its application has one service of that kind, with the name of the plugin. The
    /// command line is checked only by the options, not by [`Kind::read`].
    ///
    /// A file name that is typed is made absolute. A default stays as it is, relative to the rundir.
    pub fn add_kind<K: Kind + Args>(
        &mut self,
        name: &'static str,
        description: &'static str,
    ) -> &mut Self {
        self.add_maker(Arc::new(KindMaker::<K>::new(name, description)))
    }

    fn add_maker(&mut self, maker: Arc<dyn Maker>) -> &mut Self {
        self.makers.retain(|other| other.name() != maker.name());
        self.makers.push(maker);
        self
    }

    /// The names and descriptions, in the order in which they were added.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.makers.iter().map(|maker| (maker.name(), maker.description()))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<dyn Maker>> {
        self.makers.iter().find(|maker| maker.name() == name)
    }
}
