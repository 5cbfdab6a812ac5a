//! The kinds of service and protocols that an application file may use.

use super::any_protocol::AnyProtocol;
use super::file_checks::Offer;
use super::kind::{Kind, ProtocolKind};
use super::listeners::{TcpSettings, Unix};
use super::listing::KeyInfo;
use super::reserved;
use super::section::{Protocols, ReadProtocol, Section};
use crate::service::{Service, Settings};
use std::any::TypeId;
use std::collections::BTreeMap;

/// A service, and the settings that it was made from.
pub(super) type Made = (Box<dyn Service>, Box<dyn Settings>);
type ReadKind = fn(&mut Section<'_>) -> Option<Made>;

/// The kind that always exists: a service that contains other services.
pub(super) const GROUP: &str = "group";

#[derive(Clone)]
struct KindEntry {
    read: ReadKind,
    /// Reads the keys, like `read`.
    ask: fn(&mut Section<'_>),
    handle: Option<TypeId>,
}

/// The kinds of service and the protocols that an application file may use.
#[derive(Clone)]
pub struct Registry {
    kinds: BTreeMap<&'static str, KindEntry>,
    renamed: BTreeMap<&'static str, &'static str>,
    protocols: Protocols,
}

impl Registry {
    /// A registry with the kinds `tcp`, `unix` and `group`, and no protocols.
    pub fn new() -> Self {
        let (kinds, renamed, protocols) = Default::default();
        let mut registry = Self { kinds, renamed, protocols };
        registry.kind::<TcpSettings>("tcp").kind::<Unix>("unix");
        registry
    }

    /// Adds a kind of service, or replaces the one with that name.
    pub fn kind<K: Kind>(&mut self, name: &'static str) -> &mut Self {
        let read: ReadKind = |section| {
            let settings = K::read(section)?;
            Some((settings.service(), Box::new(settings)))
        };
        let ask: fn(&mut Section<'_>) = |section| drop(K::read(section));
        self.kinds.insert(name, KindEntry { read, ask, handle: K::handle() });
        self
    }

    /// Declares that a kind of service used to have another name. The error for a file that still uses it gives
    /// the new one.
    pub fn renamed(&mut self, old: &'static str, new: &'static str) -> &mut Self {
        self.renamed.insert(old, new);
        self
    }

    /// Adds a protocol, or replaces the one with that name.
    pub fn protocol<P: ProtocolKind>(&mut self, name: &'static str) -> &mut Self {
        let read: ReadProtocol = |section| Some(AnyProtocol::new(P::read(section)?));
        self.protocols.insert(name, read);
        self
    }

    /// The names of all protocols.
    pub fn protocols(&self) -> Vec<&'static str> {
        self.protocols.keys().copied().collect()
    }

    /// The names of all kinds.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().chain([GROUP]).collect()
    }

    /// The keys of a kind of service, in the order in which [`Kind::read`] reads them, without those of the
    /// protocol and [those of every service](Self::keys_of_every_service). `None`: there is no such kind.
    pub fn keys_of_kind(&self, name: &str) -> Option<Vec<KeyInfo>> {
        if name == GROUP {
            return Some(Vec::new());
        }
        self.kinds.get(name).map(|kind| Section::keys_of(kind.ask))
    }

    /// The keys of a protocol, in the order in which [`ProtocolKind::read`] reads them. `None`: there is no such
    /// protocol.
    pub fn keys_of_protocol(&self, name: &str) -> Option<Vec<KeyInfo>> {
        self.protocols.get(name).map(|read| Section::keys_of(read))
    }

    /// The keys that every service has, whatever its kind.
    pub fn keys_of_every_service(&self) -> Vec<KeyInfo> {
        Section::keys_of(reserved::read)
    }

    /// A kind whose services offer a handle of this type.
    #[cfg(feature = "generate")]
    pub(crate) fn kind_with_handle(&self, handle: TypeId) -> Option<&'static str> {
        self.kinds.iter().find(|(_, kind)| kind.handle == Some(handle)).map(|(name, _)| *name)
    }

    pub(super) fn kind_named(&self, name: &str) -> Option<ReadKind> {
        self.kinds.get(name).map(|kind| kind.read)
    }

    /// The current name of a kind that used to be named `old`.
    pub(super) fn new_name_of(&self, old: &str) -> Option<&'static str> {
        self.renamed.get(old).copied()
    }

    pub(super) fn offer_of(&self, kind: &str) -> Offer {
        match self.kinds.get(kind) {
            None if kind == GROUP => Offer::Nothing,
            None => Offer::Unknown,
            Some(KindEntry { handle: None, .. }) => Offer::Nothing,
            Some(KindEntry { handle: Some(handle), .. }) => Offer::Handle(*handle),
        }
    }

    pub(super) fn protocol_readers(&self) -> &Protocols {
        &self.protocols
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
