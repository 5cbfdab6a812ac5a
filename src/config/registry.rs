//! Which kinds of service and which protocols an application file may name.

use super::Section;
use super::listeners::{Tcp, Unix};
use super::notes::Offer;
use crate::net::Protocol;
use crate::service::{BoxError, Context, Service, Settings};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// The checked settings of one kind of service.
///
/// They are kept beside the service, to be compared with those of a later version of the file; hence
/// `PartialEq`.
pub trait Kind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings. `None` if they can't be had; what is wrong has been noted in the section. Read
    /// every key before giving up, so that all mistakes are found at once.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the service. It has no effect on anything yet.
    fn service(&self) -> Box<dyn Service>;

    /// The type of what the service shows to others by its [`Service::handle`], so that references to it
    /// can be checked before anything starts: `Some(TypeId::of::<PoemHandle>())`.
    fn handle() -> Option<TypeId> {
        None
    }
}

/// The checked settings of one protocol, which stand in the table of the service that speaks it.
pub trait ProtocolKind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings, as [`Kind::read`] does.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the protocol, when the service that speaks it starts: the time to look up other services.
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError>;
}

/// The settings of some protocol: a [`ProtocolKind`] whose type is known only at run time.
#[derive(Clone, Debug)]
pub struct AnyProtocol(Arc<dyn ProtocolSettings>);

impl AnyProtocol {
    /// As [`ProtocolKind::protocol`].
    pub fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        self.0.protocol(cx)
    }
}

/// Equal: the same protocol with the same settings.
impl PartialEq for AnyProtocol {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_as(&*other.0)
    }
}

trait ProtocolSettings: Settings {
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError>;
}

impl<T: ProtocolKind> ProtocolSettings for T {
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        ProtocolKind::protocol(self, cx)
    }
}

/// A service, and the settings that it was made from.
pub(super) type Made = (Box<dyn Service>, Box<dyn Settings>);
type ReadKind = fn(&mut Section<'_>) -> Option<Made>;
type ReadProtocol = fn(&mut Section<'_>) -> Option<AnyProtocol>;

#[derive(Clone)]
struct KindEntry {
    read: ReadKind,
    handle: Option<TypeId>,
}

/// The kinds of service and the protocols that an application file may name.
#[derive(Clone)]
pub struct Registry {
    kinds: BTreeMap<&'static str, KindEntry>,
    renamed: BTreeMap<&'static str, &'static str>,
    protocols: BTreeMap<&'static str, ReadProtocol>,
}

impl Registry {
    /// The kinds that need nothing else: `tcp`, `unix`, and `group`, which is always there. No protocols.
    pub fn new() -> Self {
        let mut registry =
            Self { kinds: BTreeMap::new(), renamed: BTreeMap::new(), protocols: BTreeMap::new() };
        registry.kind::<Tcp>("tcp").kind::<Unix>("unix");
        registry
    }

    /// Adds a kind of service, or replaces the one of that name.
    pub fn kind<K: Kind>(&mut self, name: &'static str) -> &mut Self {
        let read: ReadKind = |section| {
            let settings = K::read(section)?;
            Some((settings.service(), Box::new(settings)))
        };
        self.kinds.insert(name, KindEntry { read, handle: K::handle() });
        self
    }

    /// Says that a kind of service used to have another name. A file that still uses it is told the new one.
    pub fn renamed(&mut self, old: &'static str, new: &'static str) -> &mut Self {
        self.renamed.insert(old, new);
        self
    }

    /// Adds a protocol, or replaces the one of that name.
    pub fn protocol<P: ProtocolKind>(&mut self, name: &'static str) -> &mut Self {
        let read: ReadProtocol = |section| Some(AnyProtocol(Arc::new(P::read(section)?)));
        self.protocols.insert(name, read);
        self
    }

    /// The names of all protocols.
    pub fn protocols(&self) -> Vec<&'static str> {
        self.protocols.keys().copied().collect()
    }

    /// The names of all kinds.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().chain(["group"]).collect()
    }

    pub(super) fn kind_named(&self, name: &str) -> Option<ReadKind> {
        self.kinds.get(name).map(|kind| kind.read)
    }

    /// The name that a kind has now which used to be called `old`.
    pub(super) fn new_name_of(&self, old: &str) -> Option<&'static str> {
        self.renamed.get(old).copied()
    }

    pub(super) fn offer_of(&self, kind: &str) -> Offer {
        match self.kinds.get(kind) {
            None if kind == "group" => Offer::Nothing,
            None => Offer::Unknown,
            Some(KindEntry { handle: None, .. }) => Offer::Nothing,
            Some(KindEntry { handle: Some(handle), .. }) => Offer::Handle(*handle),
        }
    }

    pub(super) fn protocol_named(&self, name: &str) -> Option<ReadProtocol> {
        self.protocols.get(name).copied()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
