//! The settings of the status service.

use super::server::{Place, StatusService};
use crate::config::{Kind, Section, Value};
use crate::net::{Interface, Listen, UnixServer};
use crate::service::Service;
use crate::value::read;
use std::path::PathBuf;

/// The settings of `kind = "status"`.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusSettings {
    place: Place,
    /// The names by which clients may ask for it, besides addresses and the names of this machine.
    hosts: Vec<String>,
}

impl StatusSettings {
    /// A status service on a port.
    pub fn tcp(listen: Listen) -> Self {
        Self { place: Place::Tcp(listen), hosts: Vec::new() }
    }

    /// A status service on a Unix socket, whose file has these permissions.
    pub fn unix(path: impl Into<PathBuf>, mode: u32) -> Self {
        Self { place: Place::Unix(path.into(), mode), hosts: Vec::new() }
    }

    /// Adds a name by which clients may ask for it. Those that a browser has been led to by another name are refused.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }
}

impl Kind for StatusSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let port = section
            .about("The TCP port; 0 means any free one. Either this or path is needed")
            .optional("port", read::port);
        let interface = section
            .about("The interface of that port: a name, an address, or '*' for all [default: localhost]")
            .optional("interface", read::word);
        let path = section
            .about("The file of a Unix socket instead; a name that begins with @ is abstract, not a file [example: status.sock]")
            .optional("path", read::path);
        let mode = section
            .about("The permissions of that file; those who may write to it may connect [default: 666]")
            .optional("mode", read::octal);
        let hosts = section
            .about("Names by which clients ask for it, besides addresses, localhost and the name of this machine [example: status.example]")
            .optional("hosts", hosts);
        let place = match (section.has("port"), section.has("path")) {
            (true, false) => tcp(section, port, interface),
            (false, true) => Some(Place::Unix(path?, mode.unwrap_or(UnixServer::DEFAULT_MODE))),
            (true, true) => {
                section.mistake("path", "path: can't be used together with port; choose one");
                None
            }
            (false, false) => {
                section.missing("a status service needs a key \"port\" or \"path\"");
                None
            }
        };
        for (key, belongs_to) in [("interface", "port"), ("mode", "path")] {
            if section.has(key) && !section.has(belongs_to) {
                section.mistake(key, format!("{key}: has no effect without {belongs_to}"));
            }
        }
        Some(Self { place: place?, hosts: hosts.unwrap_or_default() })
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(StatusService::new(self.place.clone(), self.hosts.clone()))
    }
}

/// Names of hosts, as browsers send them.
fn hosts(value: &Value<'_>) -> Result<Vec<String>, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let hosts = read::words(value)?;
    match hosts.iter().all(|host| host.chars().all(is_allowed)) {
        true => Ok(hosts),
        false => {
            Err("expected names as they are in the DNS, without a port: [\"status.example\"]"
                .into())
        }
    }
}

fn tcp(section: &mut Section<'_>, port: Option<u16>, interface: Option<String>) -> Option<Place> {
    match Interface::resolve(interface.as_deref().unwrap_or("localhost")) {
        Ok(interface) => {
            let listen = Listen::new(interface, port?);
            section.listens_on("port", listen.addresses());
            Some(Place::Tcp(listen))
        }
        Err(e) => {
            section.mistake("interface", format!("interface: {e}"));
            None
        }
    }
}
