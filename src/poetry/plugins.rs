//! The plugins that serve poetry. Each makes an application from the same settings as a file.

use super::fetch::Address;
use super::{
    DEFAULT_PORT, FastSettings, ForwardSettings, Pace, PoemSettings, ProxySettings, SlowSettings,
    TransformSettings,
};
use crate::config::{self, ProtocolKind, TcpSettings, leads_to};
use crate::net::{Interface, Listen};
use crate::plugin::{MakeContext, Plugins, ServiceMaker};
use crate::service::{AddError, Application, BoxError};
use clap::Args;
use std::path::{Path, PathBuf};

/// The plugins that serve poetry: `fastpoetry`, `slowpoetry`, `proxy`, `transform` and `portforward`.
pub fn plugins() -> Plugins {
    let mut plugins = Plugins::new();
    plugins.add(Fast).add(Slow).add(Proxy).add(Transform).add(Forward);
    plugins
}

/// Where a plugin listens. (The other options of a [`Listen`] are for files.)
#[derive(Args)]
struct ListenArgs {
    /// The port; 0 means any free one
    #[arg(short, long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The interface: a name, an address, or '*' for all
    #[arg(long, default_value = "localhost", value_name = "HOST")]
    iface: String,
}

impl ListenArgs {
    fn listen(&self) -> Result<Listen, BoxError> {
        Ok(Listen::new(Interface::resolve(&self.iface)?, self.port))
    }
}

/// Refuses an address that leads back to the plugin itself.
fn refuse_circle(listen: &Listen, to: &Address) -> Result<(), BoxError> {
    if leads_to(&to.to_string(), listen.addresses()) {
        return Err(format!(
            "{to} is where this plugin itself listens; each connection would open another one, endlessly"
        )
        .into());
    }
    Ok(())
}

/// Adds a poem: the one in the file, or else the built-in one.
fn add_poem(
    application: &mut Application,
    name: &str,
    file: Option<&Path>,
    cx: &MakeContext,
) -> Result<(), AddError> {
    config::add(application, name, PoemSettings::new(file.map(|file| cx.file(file))))
}

/// Adds a listener.
fn add_listener(
    application: &mut Application,
    name: &str,
    listen: Listen,
    protocol: impl ProtocolKind,
) -> Result<(), AddError> {
    config::add(application, name, TcpSettings::new(listen, protocol))
}

struct Fast;

#[derive(Args)]
struct FastOptions {
    #[command(flatten)]
    place: ListenArgs,
    /// The poem [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    poem: Option<PathBuf>,
    /// A second poem
    #[arg(long, value_name = "FILE", requires = "port2")]
    poem2: Option<PathBuf>,
    /// The port of the second poem
    #[arg(long, value_name = "PORT", requires = "poem2")]
    port2: Option<u16>,
}

impl ServiceMaker for Fast {
    type Options = FastOptions;
    const NAME: &'static str = "fastpoetry";
    const DESCRIPTION: &'static str = "Sends a poem as fast as possible";

    fn make_service(
        &self,
        options: FastOptions,
        cx: &MakeContext,
    ) -> Result<Application, BoxError> {
        let FastOptions { place, poem, poem2, port2 } = options;
        let listen = place.listen()?;
        let mut application = Application::new(Self::NAME);
        add_poem(&mut application, "poem", poem.as_deref(), cx)?;
        add_listener(&mut application, "fast", listen, FastSettings::new("poem"))?;
        if let (Some(poem2), Some(port2)) = (poem2, port2) {
            if port2 == place.port && port2 != 0 {
                return Err(format!(
                    "--port and --port2 are both {port2}; each poem needs its own"
                )
                .into());
            }
            let listen = ListenArgs { port: port2, ..place }.listen()?;
            add_poem(&mut application, "poem2", Some(&poem2), cx)?;
            add_listener(&mut application, "fast2", listen, FastSettings::new("poem2"))?;
        }
        Ok(application)
    }
}

struct Slow;

#[derive(Args)]
struct SlowOptions {
    #[command(flatten)]
    place: ListenArgs,
    /// The poem [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    poem: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
}

impl ServiceMaker for Slow {
    type Options = SlowOptions;
    const NAME: &'static str = "slowpoetry";
    const DESCRIPTION: &'static str = "Sends a poem, a few bytes at a time";

    fn make_service(
        &self,
        options: SlowOptions,
        cx: &MakeContext,
    ) -> Result<Application, BoxError> {
        let SlowOptions { place, poem, pace } = options;
        let mut application = Application::new(Self::NAME);
        add_poem(&mut application, "poem", poem.as_deref(), cx)?;
        let protocol = SlowSettings::new("poem", pace);
        add_listener(&mut application, "slow", place.listen()?, protocol)?;
        Ok(application)
    }
}

struct Proxy;

#[derive(Args)]
struct ProxyOptions {
    #[command(flatten)]
    place: ListenArgs,
    #[command(flatten)]
    settings: ProxySettings,
}

impl ServiceMaker for Proxy {
    type Options = ProxyOptions;
    const NAME: &'static str = "proxy";
    const DESCRIPTION: &'static str = "Sends the poem of another server, which is fetched once";

    fn make_service(
        &self,
        options: ProxyOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let (listen, settings) = (options.place.listen()?, options.settings);
        refuse_circle(&listen, &settings.upstream)?;
        let mut application = Application::new(Self::NAME);
        add_listener(&mut application, "proxy", listen, settings)?;
        Ok(application)
    }
}

struct Transform;

#[derive(Args)]
struct TransformOptions {
    #[command(flatten)]
    place: ListenArgs,
}

impl ServiceMaker for Transform {
    type Options = TransformOptions;
    const NAME: &'static str = "transform";
    const DESCRIPTION: &'static str = "Transforms poems; requests and answers are netstrings";

    fn make_service(
        &self,
        options: TransformOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let (listen, settings) = (options.place.listen()?, TransformSettings::default());
        let mut application = Application::new(Self::NAME);
        add_listener(&mut application, "transform", listen, settings)?;
        Ok(application)
    }
}

struct Forward;

#[derive(Args)]
struct ForwardOptions {
    #[command(flatten)]
    place: ListenArgs,
    #[command(flatten)]
    settings: ForwardSettings,
}

impl ServiceMaker for Forward {
    type Options = ForwardOptions;
    const NAME: &'static str = "portforward";
    const DESCRIPTION: &'static str = "Forwards connections to another server";

    fn make_service(
        &self,
        options: ForwardOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let (listen, settings) = (options.place.listen()?, options.settings);
        refuse_circle(&listen, &settings.to)?;
        let mut application = Application::new(Self::NAME);
        add_listener(&mut application, "forward", listen, settings)?;
        Ok(application)
    }
}

#[cfg(test)]
mod tests;
