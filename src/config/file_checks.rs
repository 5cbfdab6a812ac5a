//! Checks across a whole file: the services that others name, and the addresses that they share.

use super::circles::{Outgoing, addresses, circles, reaches};
use super::diagnostic::Diagnostics;
use crate::service::ServicePath;
use crate::value::{nearest, quoted};
use std::any::TypeId;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

/// The mistakes in a file, and what is known so far for finding more.
pub(super) struct FileChecks {
    pub(super) diagnostics: Diagnostics,
    services: HashMap<ServicePath, Known>,
    pub(super) references: Vec<Reference>,
    /// By transport and port.
    listeners: HashMap<(&'static str, u16), Vec<(SocketAddr, ServicePath)>>,
    pub(super) outgoing: Vec<Outgoing>,
}

/// A key whose value is the name of another service.
pub(super) struct Reference {
    pub(super) from: ServicePath,
    pub(super) span: Range<usize>,
    pub(super) key: &'static str,
    pub(super) name: String,
    pub(super) what: &'static str,
    pub(super) handle: TypeId,
}

/// What is known about a service that others may refer to.
struct Known {
    kind: String,
    offer: Offer,
}

/// The handle that services of a kind offer to others.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Offer {
    Nothing,
    Handle(TypeId),
    /// Unknown, since its kind is a mistake, which has been recorded.
    Unknown,
}

impl FileChecks {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        let (services, references, listeners, outgoing) = Default::default();
        Self { diagnostics, services, references, listeners, outgoing }
    }

    /// Records that a service listens on an address. It is an error if another service listens on it already.
    pub(super) fn listen(
        &mut self,
        transport: &'static str,
        address: SocketAddr,
        path: &ServicePath,
    ) -> Result<(), String> {
        let others = self.listeners.entry((transport, address.port())).or_default();
        match others.iter().find(|(other, _)| overlap(*other, address)) {
            Some((other, service)) if *other == address => {
                Err(format!("{service} already listens on {address}"))
            }
            Some((other, service)) => {
                Err(format!("{address} can't be used, since {service} listens on {other}"))
            }
            None => {
                others.push((address, path.clone()));
                Ok(())
            }
        }
    }

    /// Records a service that others may refer to.
    pub(super) fn add_service(&mut self, path: &ServicePath, kind: &str, offer: Offer) {
        self.services.insert(path.clone(), Known { kind: kind.to_owned(), offer });
    }

    /// Checks that every service that another one names exists and offers the right handle. This is possible only
    /// when the whole tree has been read, because a service may be used before it is defined.
    pub(super) fn check_references(&mut self) {
        let mut suggestions = 0;
        for Reference { from, span, key, name, what, handle } in
            std::mem::take(&mut self.references)
        {
            let groups = std::iter::successors(from.parent(), ServicePath::parent);
            let groups = groups.filter(|_| !name.contains('.')); // a path is not a name
            let found = groups.map(|group| group.child(&name)).find_map(|path| {
                let known = self.services.get(&path)?;
                Some((path, known))
            });
            match found {
                Some((_, known))
                    if [Offer::Handle(handle), Offer::Unknown].contains(&known.offer) => {}
                Some((path, Known { kind, .. })) => {
                    let message =
                        format!("{key}: expected a {what}; {path} is of kind {}", quoted(kind));
                    self.diagnostics.wrong(span, message);
                }
                None => {
                    suggestions += 1;
                    let advice = match suggestions {
                        ..=SUGGESTIONS => self.nearest(&name, &from, Offer::Handle(handle)),
                        _ => String::new(),
                    };
                    let name = quoted(&name);
                    let message = format!("{key}: there is no {what} named {name} here{advice}");
                    self.diagnostics.missing(span, message);
                }
            }
        }
    }

    /// Checks that no connection to another service of the file leads back to where it came from.
    pub(super) fn check_circles(&mut self) {
        let outgoing = std::mem::take(&mut self.outgoing);
        let services: Vec<Vec<ServicePath>> = outgoing.iter().map(|o| self.reached_by(o)).collect();
        for circle in circles(&outgoing, &services) {
            let Some((first, others)) = circle.split_first() else { continue };
            let Outgoing { key, to, span, .. } = &outgoing[*first];
            let others: Vec<&str> = others.iter().map(|o| outgoing[*o].from.as_str()).collect();
            let way = match &others[..] {
                [] => "is where this service itself listens".into(),
                others => format!("leads to {}, and back here", others.join(", then to ")),
            };
            let message =
                format!("{key}: {to} {way}; each connection would open another one, endlessly");
            self.diagnostics.wrong(span.clone(), message);
        }
    }

    fn reached_by(&self, outgoing: &Outgoing) -> Vec<ServicePath> {
        let mut services = Vec::new();
        for target in addresses(&outgoing.to) {
            for (listener, service) in
                self.listeners.get(&("TCP", target.port())).into_iter().flatten()
            {
                if reaches(target, *listener) && !services.contains(service) {
                    services.push(service.clone());
                }
            }
        }
        services
    }

    /// A hint at the service that was probably meant: the one with the most similar name within reach, or one
    /// with the same name elsewhere.
    fn nearest(&self, name: &str, from: &ServicePath, offer: Offer) -> String {
        let right = || self.services.iter().filter(|(_, known)| known.offer == offer);
        let in_reach =
            |path: &ServicePath| path.parent().is_some_and(|group| from.is_within(&group));
        let near = right().map(|(path, _)| path).filter(|path| in_reach(path));
        if let Some(near) = nearest(name, near.map(ServicePath::name)) {
            return format!("; did you mean {}?", quoted(near));
        }
        let elsewhere = right().map(|(path, _)| path).filter(|path| path.name() == name).min();
        match elsewhere.and_then(|path| Some((path, path.parent()?))) {
            Some((path, group)) => format!("; {path} can be named only from within {group}"),
            None => String::new(),
        }
    }
}

/// For how many unknown names a similar one is suggested. Each search compares with all names, and nobody reads
/// more suggestions.
const SUGGESTIONS: usize = 50;

/// Whether two sockets can't listen on these addresses at the same time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a == b || (a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && wildcard)
}
