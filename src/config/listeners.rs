//! `kind = "tcp"` and `kind = "unix"`: any protocol on a TCP port or a Unix socket.

use super::any_protocol::AnyProtocol;
use super::kind::{Kind, ProtocolKind};
use super::section::Section;
use crate::net::{Interface, Listen, ServerOptions, UnixServer};
use crate::service::Service;
use crate::value::read;
use std::path::PathBuf;

/// The settings of `kind = "tcp"`: where it listens, and which protocol it uses.
#[derive(Debug, PartialEq)]
pub struct TcpSettings {
    listen: Listen,
    protocol: AnyProtocol,
}

impl TcpSettings {
    /// A listener with this protocol.
    pub fn new(listen: Listen, protocol: impl ProtocolKind) -> Self {
        Self { listen, protocol: AnyProtocol::new(protocol) }
    }
}

impl Kind for TcpSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let listen = section.listen();
        let protocol = section.about(PROTOCOL).protocol("protocol");
        Some(Self { listen: listen?, protocol: protocol? })
    }

    fn service(&self) -> Box<dyn Service> {
        let protocol = self.protocol.clone();
        let make_protocol = move |cx: &_| protocol.protocol(cx);
        Box::new(self.listen.clone().server_with_shared_protocol(make_protocol))
    }
}

/// What the key `protocol` does.
const PROTOCOL: &str = "The protocol that clients speak; its keys are in the same table";

impl Section<'_> {
    /// Reads the keys for listening on TCP: `port`, which is required, `interface`, `backlog`, `max-connections`,
    /// `write-timeout` and `linger-timeout`. It is a mistake if another service listens on the same address.
    pub fn listen(&mut self) -> Option<Listen> {
        self.about_options::<Listen>();
        let interface = self.optional("interface", read::word).unwrap_or("localhost".into());
        let port = self.required("port", read::port);
        let options = read_options(self);
        let interface = match Interface::resolve(&interface) {
            Ok(interface) => interface,
            Err(e) => {
                self.mistake("interface", format!("interface: {e}"));
                return None;
            }
        };
        let listen = Listen::new(interface, port?).options(options);
        self.listens_on("port", listen.addresses());
        Some(listen)
    }
}

/// The settings of a listener on a Unix socket.
#[derive(Debug, PartialEq)]
pub(super) struct Unix {
    path: PathBuf,
    mode: u32,
    options: ServerOptions,
    protocol: AnyProtocol,
}

/// How long a socket's path may be, in bytes: the size of `sun_path`, see unix(7), without its NUL.
const LONGEST_PATH: usize = 107;

impl Kind for Unix {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let path = section
            .about("The socket's file; a name that begins with @ is abstract, not a file [example: clients.sock]")
            .required("path", read::path);
        let mode = section
            .about(
                "The permissions of that file; those who may write to it may connect [default: 666]",
            )
            .optional("mode", read::octal)
            .unwrap_or(UnixServer::DEFAULT_MODE);
        let options = read_options(section);
        let protocol = section.about(PROTOCOL).protocol("protocol");
        let path = path?;
        if path.as_os_str().len() > LONGEST_PATH {
            section
                .mistake("path", format!("path: expected a name of at most {LONGEST_PATH} bytes"));
        }
        Some(Self { path, mode, options, protocol: protocol? })
    }

    fn service(&self) -> Box<dyn Service> {
        let protocol = self.protocol.clone();
        let make_protocol = move |cx: &_| protocol.protocol(cx);
        let server = UnixServer::with_shared_protocol(&self.path, make_protocol);
        Box::new(server.mode(self.mode).options(self.options.clone()))
    }
}

/// The keys that all servers have.
fn read_options(section: &mut Section<'_>) -> ServerOptions {
    section.about_options::<ServerOptions>();
    let backlog = section.optional("backlog", read::integer(1..=i32::MAX as u32));
    let max_connections = section.optional("max-connections", read::integer(1..=1_000_000_000));
    let write_timeout = section.optional("write-timeout", read::seconds_above_0);
    let linger_timeout = section.optional("linger-timeout", read::seconds);
    let default = ServerOptions::default();
    ServerOptions {
        backlog: backlog.unwrap_or(default.backlog),
        max_connections,
        write_timeout: write_timeout.unwrap_or(default.write_timeout),
        linger_timeout: linger_timeout.unwrap_or(default.linger_timeout),
    }
}
