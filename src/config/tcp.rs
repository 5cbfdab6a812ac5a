//! `kind = "tcp"`: any protocol on a TCP port.

use super::{AnyProtocol, Kind, Section, read};
use crate::net::{Interface, TcpOptions, TcpServer};
use crate::service::Service;

/// The settings of a TCP listener. The protocol's own settings stand beside them.
#[derive(Debug, PartialEq)]
pub(super) struct Tcp {
    interface: Interface,
    port: u16,
    options: TcpOptions,
    protocol: AnyProtocol,
}

impl Kind for Tcp {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let default = TcpOptions::default();
        let interface = section.optional("interface", read::word).unwrap_or("localhost".into());
        let port = section.required("port", read::port);
        let options = TcpOptions {
            backlog: section
                .optional("backlog", read::integer(1..=i32::MAX as u32))
                .unwrap_or(default.backlog),
            max_connections: section.optional("max-connections", read::integer(1..=1_000_000_000)),
            write_timeout: section
                .optional("write-timeout", read::seconds)
                .unwrap_or(default.write_timeout),
            linger_timeout: section
                .optional("linger-timeout", read::seconds)
                .unwrap_or(default.linger_timeout),
        };
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
        let interface = self.interface.clone();
        let server =
            TcpServer::with_shared_protocol(interface, self.port, move |cx| protocol.protocol(cx));
        Box::new(server.options(self.options.clone()))
    }
}
