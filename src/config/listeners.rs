//! `kind = "tcp"` and `kind = "unix"`: any protocol on a TCP port or a Unix socket.

use super::any_protocol::AnyProtocol;
use super::kind::Kind;
use super::section::Section;
use crate::net::{Interface, ServerOptions, TcpServer, UnixServer};
use crate::service::Service;
use crate::value::read;
use std::path::PathBuf;

/// The settings of a TCP listener. The protocol's own settings stand beside them.
#[derive(Debug, PartialEq)]
pub(super) struct Tcp {
    interface: Interface,
    port: u16,
    options: ServerOptions,
    protocol: AnyProtocol,
}

impl Kind for Tcp {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let interface = section.optional("interface", read::word).unwrap_or("localhost".into());
        let port = section.required("port", read::port);
        let options = read_options(section);
        let protocol = section.protocol("protocol");
        let interface = match Interface::resolve(&interface) {
            Ok(interface) => interface,
            Err(e) => {
                section.mistake("interface", format!("interface: {e}"));
                return None;
            }
        };
        section.listens_on("port", interface.addresses(port?));
        Some(Self { interface, port: port?, options, protocol: protocol? })
    }

    fn service(&self) -> Box<dyn Service> {
        let protocol = self.protocol.clone();
        let make_protocol = move |cx: &_| protocol.protocol(cx);
        let server =
            TcpServer::with_shared_protocol(self.interface.clone(), self.port, make_protocol);
        Box::new(server.options(self.options.clone()))
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

/// How long a name has room in a socket's address: `sun_path` of unix(7), with a NUL at its end.
const LONGEST_PATH: usize = 107;

impl Kind for Unix {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let path = section.required("path", read::path);
        let mode = section.optional("mode", read::octal).unwrap_or(UnixServer::DEFAULT_MODE);
        let options = read_options(section);
        let protocol = section.protocol("protocol");
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
    let default = ServerOptions::default();
    let backlog = section.optional("backlog", read::integer(1..=i32::MAX as u32));
    let max_connections = section.optional("max-connections", read::integer(1..=1_000_000_000));
    let write_timeout = section.optional("write-timeout", read::seconds_above_0);
    let linger_timeout = section.optional("linger-timeout", read::seconds);
    ServerOptions {
        backlog: backlog.unwrap_or(default.backlog),
        max_connections,
        write_timeout: write_timeout.unwrap_or(default.write_timeout),
        linger_timeout: linger_timeout.unwrap_or(default.linger_timeout),
    }
}
