//! The plugins that serve poetry.

use super::fetch::Address;
use super::{
    DEFAULT_PORT, FastPoetry, ForwardSettings, Pace, Poem, PoemHandle, PoetryProxy, PortForward,
    ProxySettings, SlowPoetry, TransformPoetry, TransformSettings,
};
use crate::config::{leads_to, read::parse_seconds};
use crate::net::{Interface, Protocol, TcpServer};
use crate::plugin::{MakeContext, Plugins, ServiceMaker};
use crate::service::{AddError, Application, BoxError, Context};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The plugins that serve poetry: `fastpoetry`, `slowpoetry`, `proxy`, `transform` and `portforward`.
pub fn plugins() -> Plugins {
    let mut plugins = Plugins::new();
    plugins.add(Fast).add(Slow).add(Proxy).add(Transform).add(Forward);
    plugins
}

/// Where a server listens.
#[derive(Args)]
struct Listen {
    /// The port; 0 is any free one
    #[arg(short, long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The interface: a name, an address, or '*' for all
    #[arg(long, default_value = "localhost", value_name = "HOST")]
    iface: String,
}

impl Listen {
    fn server<P: Protocol>(
        &self,
        make_protocol: impl Fn(&Context) -> Result<P, BoxError> + Send + 'static,
    ) -> Result<TcpServer, BoxError> {
        Ok(TcpServer::new(Interface::resolve(&self.iface)?, self.port, make_protocol))
    }

    /// Refuses an address to connect to that leads back here.
    fn refuse_circle(&self, to: &Address) -> Result<(), BoxError> {
        if leads_to(&to.to_string(), Interface::resolve(&self.iface)?.addresses(self.port)) {
            return Err(format!(
                "{to} is where this plugin itself listens; each connection would make another one, without end"
            )
            .into());
        }
        Ok(())
    }
}

/// Adds a poem; without a file, the one that is compiled in.
fn add_poem(
    application: &mut Application,
    name: &str,
    file: Option<&Path>,
    cx: &MakeContext,
) -> Result<(), AddError> {
    let poem = file.map_or_else(Poem::built_in, |file| Poem::from_file(cx.file(file)));
    application.add(name, poem)
}

struct Fast;

#[derive(Args)]
struct FastOptions {
    #[command(flatten)]
    listen: Listen,
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
    const DESCRIPTION: &'static str = "A poem, to everybody, at once";

    fn make_service(
        &self,
        options: FastOptions,
        cx: &MakeContext,
    ) -> Result<Application, BoxError> {
        let mut application = Application::new(Self::NAME);
        let FastOptions { listen, poem, poem2, port2 } = options;
        let mut serve = |poem_name: &'static str, name, file: Option<&Path>, listen: &Listen| {
            add_poem(&mut application, poem_name, file, cx)?;
            let server = listen.server(move |cx| Ok(FastPoetry::new(cx.find(poem_name)?)))?;
            Ok::<(), BoxError>(application.add(name, server)?)
        };
        serve("poem", "fast", poem.as_deref(), &listen)?;
        if let (Some(poem2), Some(port2)) = (poem2, port2) {
            if port2 == listen.port && port2 != 0 {
                return Err(format!(
                    "--port and --port2 are both {port2}; each poem needs its own"
                )
                .into());
            }
            serve("poem2", "fast2", Some(&poem2), &Listen { port: port2, ..listen })?;
        }
        Ok(application)
    }
}

struct Slow;

#[derive(Args)]
struct SlowOptions {
    #[command(flatten)]
    listen: Listen,
    /// The poem [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    poem: Option<PathBuf>,
    /// How long to wait between two sends
    #[arg(long, value_name = "SECONDS", default_value = "0.7", value_parser = parse_seconds)]
    delay: Duration,
    /// How many bytes to send at a time
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = at_least_one)]
    num_bytes: usize,
}

impl ServiceMaker for Slow {
    type Options = SlowOptions;
    const NAME: &'static str = "slowpoetry";
    const DESCRIPTION: &'static str = "A poem, a few bytes at a time";

    fn make_service(
        &self,
        options: SlowOptions,
        cx: &MakeContext,
    ) -> Result<Application, BoxError> {
        let SlowOptions { listen, poem, delay, num_bytes } = options;
        let mut application = Application::new(Self::NAME);
        add_poem(&mut application, "poem", poem.as_deref(), cx)?;
        let pace = Pace { num_bytes, delay };
        let server =
            listen.server(move |cx| Ok(SlowPoetry::new(cx.find::<PoemHandle>("poem")?, pace)))?;
        application.add("slow", server)?;
        Ok(application)
    }
}

struct Proxy;

#[derive(Args)]
struct ProxyOptions {
    /// The server whose poem to serve
    #[arg(value_name = "[HOST:]PORT")]
    upstream: Address,
    #[command(flatten)]
    listen: Listen,
    /// How long a fetched poem is kept [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    ttl: Option<Duration>,
}

impl ServiceMaker for Proxy {
    type Options = ProxyOptions;
    const NAME: &'static str = "proxy";
    const DESCRIPTION: &'static str = "The poem of another server, fetched once";

    fn make_service(
        &self,
        options: ProxyOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let ProxyOptions { upstream, listen, ttl } = options;
        listen.refuse_circle(&upstream)?;
        let settings = ProxySettings { upstream, ttl, patience: Default::default() };
        let mut application = Application::new(Self::NAME);
        application
            .add("proxy", listen.server(move |_| Ok(PoetryProxy::new(settings.clone())))?)?;
        Ok(application)
    }
}

struct Transform;

#[derive(Args)]
struct TransformOptions {
    #[command(flatten)]
    listen: Listen,
}

impl ServiceMaker for Transform {
    type Options = TransformOptions;
    const NAME: &'static str = "transform";
    const DESCRIPTION: &'static str = "A new poem for a poem, as netstrings";

    fn make_service(
        &self,
        options: TransformOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let mut application = Application::new(Self::NAME);
        let server =
            options.listen.server(|_| Ok(TransformPoetry::new(TransformSettings::default())))?;
        application.add("transform", server)?;
        Ok(application)
    }
}

struct Forward;

#[derive(Args)]
struct ForwardOptions {
    #[command(flatten)]
    listen: Listen,
    /// The server to connect clients with
    #[arg(long, value_name = "HOST:PORT")]
    to: Address,
}

impl ServiceMaker for Forward {
    type Options = ForwardOptions;
    const NAME: &'static str = "portforward";
    const DESCRIPTION: &'static str = "Connections to another server, byte for byte";

    fn make_service(
        &self,
        options: ForwardOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        options.listen.refuse_circle(&options.to)?;
        let settings = ForwardSettings::new(options.to);
        let mut application = Application::new(Self::NAME);
        let server = options.listen.server(move |_| Ok(PortForward::new(settings.clone())))?;
        application.add("forward", server)?;
        Ok(application)
    }
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a whole number from 1")
}
