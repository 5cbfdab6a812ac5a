//! One table of a file, read key by key.

mod args;
mod described;
mod unknown;

use super::any_protocol::AnyProtocol;
use super::circles::Outgoing;
use super::diagnostic::suggestion;
use super::file_checks::{FileChecks, Offer, Reference};
use super::listing::{Expected, Listing, Names};
use crate::service::ServicePath;
use crate::value::{Value, describe, plain, quoted, read, shape};
use std::any::TypeId;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use toml::de::DeTable;

/// The protocols that a section may use, with the functions that read their settings.
pub(super) type Protocols = BTreeMap<&'static str, ReadProtocol>;
pub(super) type ReadProtocol = fn(&mut Section<'_>) -> Option<AnyProtocol>;

/// How much of a service's path is shown, in columns.
const LONGEST_TITLE: usize = 80;

/// One table of a file.
///
/// Every key is read by its name. A wrong value is recorded with its position in the file, and reading continues.
/// At the end, keys that nobody has read are mistakes, too.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    /// The position to show if something is missing: the table's name.
    header: Range<usize>,
    /// How messages name the table.
    title: &'a str,
    path: ServicePath,
    protocols: &'a Protocols,
    checks: &'a mut FileChecks,
    known: Vec<Cow<'static, str>>,
    /// Required keys that are missing, with the message for each.
    absent: Vec<(Cow<'static, str>, String)>,
    /// Set if it is unknown which keys are right, since the kind or the protocol is unknown.
    any_key: bool,
    /// Set if there is no file, and the keys are only listed.
    listing: Option<Listing>,
}

impl<'a> Section<'a> {
    /// Reads a whole file with `read`, then records the keys that it has not read.
    pub(super) fn read_file<T>(
        document: &'a DeTable<'a>,
        title: &'a str,
        protocols: &'a Protocols,
        checks: &'a mut FileChecks,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let (header, path) = (0..0, ServicePath::root());
        Section::new(document, header, title, path, protocols, checks).read_with(read)
    }

    /// Reads a table within this one.
    fn read_table<T>(
        &mut self,
        table: &DeTable<'_>,
        header: Range<usize>,
        title: &str,
        path: ServicePath,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let (protocols, checks) = (self.protocols, &mut *self.checks);
        Section::new(table, header, title, path, protocols, checks).read_with(read)
    }

    fn new<'b>(
        table: &'b DeTable<'b>,
        header: Range<usize>,
        title: &'b str,
        path: ServicePath,
        protocols: &'b Protocols,
        checks: &'b mut FileChecks,
    ) -> Section<'b> {
        let (known, absent, any_key, listing) = Default::default();
        Section { table, header, title, path, protocols, checks, known, absent, any_key, listing }
    }

    fn read_with<T>(mut self, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let result = read(&mut self);
        self.note_absent_keys();
        self.note_unknown_keys();
        result
    }

    /// The value of a required key. `None`: it is missing or wrong, which has been recorded.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if let Some(listing) = &mut self.listing {
            listing.add(key, true, read);
            return None;
        }
        if !self.table.contains_key(key) {
            self.known.push(key.into());
            self.absent.push((key.into(), format!("{} needs a key {key:?}", self.title)));
            return None;
        }
        self.optional(key, read)
    }

    /// The value of an optional key. `None`: it is missing, or it is wrong, which has been recorded.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if let Some(listing) = &mut self.listing {
            listing.add(key, false, read);
            return None;
        }
        self.known.push(key.into());
        let value = self.table.get(key)?;
        match read(&Value::new(value.get_ref())) {
            Ok(value) => Some(value),
            Err(expected) => {
                let found = describe(value.get_ref());
                let message = format!("{key}: {expected}, found {found}");
                self.checks.diagnostics.wrong(value.span(), message);
                None
            }
        }
    }

    /// The value of a required key that names another service, whose handle is a `T`. It is looked for in the
    /// same group, then in the groups around it, as [`Context::find`](crate::service::Context::find) will do.
    /// `what` is how messages name such a service: `"poem"`.
    pub fn service<T: 'static>(&mut self, key: &'static str, what: &'static str) -> Option<String> {
        if let Some(listing) = &mut self.listing {
            let names = Names::Service(TypeId::of::<T>());
            listing.add_naming(key, names, format!("the name of a {what} service"));
            return None;
        }
        let name = self.required(key, read::word)?;
        let (from, span, handle) = (self.path.clone(), self.span_of(key), TypeId::of::<T>());
        self.checks.references.push(Reference {
            from,
            span,
            key,
            name: name.clone(),
            what,
            handle,
        });
        Some(name)
    }

    /// The settings of a protocol, which a required key names. The protocol's own keys are in the same table.
    pub fn protocol(&mut self, key: &'static str) -> Option<AnyProtocol> {
        if let Some(listing) = &mut self.listing {
            listing.add_naming(key, Names::Protocol, "the name of a protocol".into());
            return None;
        }
        let name = self.required(key, read::word);
        if let Some(read) = name.as_deref().and_then(|name| self.protocols.get(name)) {
            return read(self);
        }
        self.any_key = true;
        if let Some(name) = name {
            let names: Vec<&str> = self.protocols.keys().copied().collect();
            let advice = suggestion(&name, &names);
            self.mistake(key, format!("unknown protocol {}; {advice}", quoted(&name)));
        }
        None
    }

    /// Records that the service will listen on these TCP addresses, which no other service may use.
    pub fn listens_on(
        &mut self,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        self.takes("TCP", key, addresses);
    }

    /// Records that the service will receive datagrams on these UDP addresses, which no other service may use.
    pub fn takes_datagrams_on(
        &mut self,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        self.takes("UDP", key, addresses);
    }

    /// Records that the service connects its clients to the server at `address`, `HOST:PORT`, if that could be
    /// read. It must not lead back to the service itself.
    pub fn connects_to(&mut self, key: &'static str, address: Option<&impl Display>) {
        let Some(to) = address.map(ToString::to_string) else { return };
        let (from, span) = (self.path.clone(), self.span_of(key));
        self.checks.outgoing.push(Outgoing { from, key, span, to });
    }

    fn takes(
        &mut self,
        transport: &'static str,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        for address in addresses.into_iter().filter(|address| address.port() != 0) {
            if let Err(taken) = self.checks.listen(transport, address, &self.path) {
                return self.mistake(key, taken);
            }
        }
    }

    /// Records a mistake in the value of a key.
    pub fn mistake(&mut self, key: &str, message: impl Into<String>) {
        let span = self.span_of(key);
        self.checks.diagnostics.wrong(span, message.into());
    }

    /// Records that something is missing in this table.
    pub fn missing(&mut self, message: impl Into<String>) {
        self.checks.diagnostics.missing(self.header.clone(), message.into());
    }

    /// How many mistakes have been recorded so far, in the whole file.
    pub(super) fn mistakes(&self) -> usize {
        self.checks.diagnostics.count() + self.absent.len()
    }

    /// Records that the table's own name is wrong.
    pub(super) fn wrong_name(&mut self, message: String) {
        self.checks.diagnostics.wrong(self.header.clone(), message);
    }

    /// Whether this table has the key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the table has none of these optional keys.
    pub(super) fn has_none_of(&mut self, keys: &[&'static str]) -> bool {
        let has_none = self.listing.is_none()
            && !self.table.keys().any(|key| keys.contains(&key.get_ref().as_ref()));
        if has_none {
            self.known.extend(keys.iter().map(|key| (*key).into()));
        }
        has_none
    }

    /// The path in the tree of the service that this section describes.
    pub fn path(&self) -> &ServicePath {
        &self.path
    }

    /// Reads a table inside this one. `None`: it is missing, or the key has another value.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        if let Some(listing) = &mut self.listing {
            let (words, shape) = ("a table".into(), Some(shape::table()));
            listing.add_expecting(key, false, Expected { words, shape });
            return None;
        }
        self.known.push(key.into());
        let (name, value) = self.table.get_key_value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let found = describe(value.get_ref());
            let message = format!("{key}: expected a table, found {found}");
            self.checks.diagnostics.wrong(value.span(), message);
            return None;
        };
        let title = format!("[{key}]");
        Some(self.read_table(table, name.span(), &title, self.path.clone(), read))
    }

    /// Reads an array of tables, in order. Empty: it is missing, or the key has another value.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        if let Some(listing) = &mut self.listing {
            let (words, shape) = (format!("tables [[{key}]]"), Some(shape::tables()));
            listing.add_expecting(key, false, Expected { words, shape });
            return Vec::new();
        }
        self.known.push(key.into());
        let Some((name, value)) = self.table.get_key_value(key) else { return Vec::new() };
        let elements = value.get_ref().as_array().map(|array| array.iter()).into_iter().flatten();
        let tables: Vec<_> = elements
            .filter_map(|table| Some((table.span(), table.get_ref().as_table()?)))
            .collect();
        if value.get_ref().as_array().map(|array| array.len()) != Some(tables.len()) {
            let found = describe(value.get_ref());
            self.mistake(key, format!("{key}: expected tables [[{key}]], found {found}"));
            return Vec::new();
        }
        let title = format!("[[{key}]]");
        let mut results = Vec::new();
        for (span, table) in tables {
            // An inline table has a position of its own; the others begin at their headers.
            let header = if span.is_empty() { name.span() } else { span.start..span.start + 1 };
            let path = self.path.clone();
            results.push(self.read_table(table, header, &title, path, &mut read));
        }
        results
    }

    /// Reads the services in the table `services`, in order. Returns whether there are any, right or wrong; a key
    /// that was probably meant to be `services` counts.
    pub(super) fn services(&mut self, mut read: impl FnMut(&str, &mut Section<'_>)) -> bool {
        self.known.push("services".into());
        let Some(services) = self.table.get("services") else {
            let keys = self.table.keys().map(|key| key.get_ref().as_ref());
            let mut unknown = keys.filter(|key| !self.is_known(key));
            return unknown.any(|key| self.nearest_known(key) == Some("services"));
        };
        let Some(services) = services.get_ref().as_table() else {
            let found = describe(services.get_ref());
            self.mistake(
                "services",
                format!("services: expected tables [services.NAME], found {found}"),
            );
            return true;
        };
        for (name, value) in services {
            let Some(table) = value.get_ref().as_table() else {
                let found = describe(value.get_ref());
                let name = plain(name.get_ref(), LONGEST_TITLE);
                let message = format!("expected a table [services.{name}], found {found}");
                self.checks.diagnostics.wrong(value.span(), message);
                continue;
            };
            let path = self.path.child(name.get_ref());
            let title = format!("service {}", plain(path.as_str(), LONGEST_TITLE));
            let read = |section: &mut Section<'_>| read(name.get_ref(), section);
            self.read_table(table, name.span(), &title, path, read);
        }
        !services.is_empty()
    }

    /// Records what this service is, for those who refer to it.
    pub(super) fn add_service(&mut self, kind: &str, offer: Offer) {
        self.checks.add_service(&self.path, kind, offer);
    }

    /// Leaves a key to another reader.
    pub(super) fn ignore(&mut self, key: &'static str) {
        self.known.push(key.into());
    }

    /// For a reader that is not responsible for the whole table, or can't know which keys are right.
    pub(super) fn allow_any_key(&mut self) {
        self.any_key = true;
    }

    fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.header.clone(), |value| value.span())
    }
}
