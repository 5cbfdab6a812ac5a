//! One table of a file, read key by key.

use super::diagnostic::{nearest, suggestion};
use super::notes::{Notes, Reference};
use super::registry::{AnyProtocol, Registry};
use crate::service::ServicePath;
use std::any::TypeId;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// One table of a file.
///
/// Every key is asked for by name. What is wrong with a value is noted, with its place in the file, and
/// reading goes on; at the end, keys that nobody asked for are mistakes too.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    /// What to point at when something is missing: the table's name.
    header: Range<usize>,
    /// What to call the table in messages.
    title: &'a str,
    path: ServicePath,
    notes: &'a mut Notes,
    known: Vec<&'static str>,
    /// Set when nobody can say which keys are right, since the kind or the protocol is unknown.
    any_key: bool,
}

/// One value of a file, as a reader of [`read`](super::read) gets it.
pub struct Value<'a>(&'a DeValue<'a>);

impl<'a> Section<'a> {
    /// Reads a table with `read`, then notes the keys that it did not ask for.
    pub(super) fn read<T>(
        table: &'a DeTable<'a>,
        header: Range<usize>,
        title: &'a str,
        path: ServicePath,
        notes: &'a mut Notes,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let (known, any_key) = (Vec::new(), false);
        let mut section = Section { table, header, title, path, notes, known, any_key };
        let result = read(&mut section);
        section.note_unknown_keys();
        result
    }

    /// The value of a key that must be there. `None`: it is not, or it is wrong; that has been noted.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.missing(format!("{} needs a key {key:?}", self.title));
            return None;
        }
        self.optional(key, read)
    }

    /// The value of a key that may be left out. `None`: it is, or it is wrong, which has been noted.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.table.get(key)?;
        match read(&Value(value.get_ref())) {
            Ok(value) => Some(value),
            Err(expected) => {
                let found = describe(value.get_ref());
                let message = format!("{key}: {expected}, found {found}");
                self.notes.diagnostics.wrong(value.span(), message);
                None
            }
        }
    }

    /// The name, in a key that must be there, of another service: one whose handle is a `T`. It is looked
    /// for among the siblings, then outwards, as [`Context::find`](crate::service::Context::find) will.
    /// `what` is such a service's name in messages: `"poem"`.
    pub fn service<T: 'static>(&mut self, key: &'static str, what: &'static str) -> Option<String> {
        let name = self.required(key, super::read::word)?;
        let (from, span, handle) = (self.path.clone(), self.span_of(key), TypeId::of::<T>());
        self.notes.references.push(Reference { from, span, key, name: name.clone(), what, handle });
        Some(name)
    }

    /// The settings of a protocol, named by a key that must be there. The protocol's own keys stand in
    /// the same table.
    pub fn protocol(&mut self, key: &'static str) -> Option<AnyProtocol> {
        let name = self.required(key, super::read::word);
        let registry = self.notes.registry.clone();
        let read = name.as_deref().and_then(|name| registry.protocol_named(name));
        if let Some(read) = read {
            return read(self);
        }
        self.any_key = true;
        if let Some(name) = name {
            let advice = suggestion(&name, &registry.protocols());
            self.mistake(key, format!("unknown protocol {name:?}; {advice}"));
        }
        None
    }

    /// Notes that the service will listen on these TCP addresses, which no other may.
    pub fn listens_on(
        &mut self,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        self.takes("TCP", key, addresses);
    }

    /// Notes that the service will take datagrams on these UDP addresses, which no other may.
    pub fn takes_datagrams_on(
        &mut self,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        self.takes("UDP", key, addresses);
    }

    fn takes(
        &mut self,
        transport: &'static str,
        key: &'static str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        for address in addresses.into_iter().filter(|address| address.port() != 0) {
            if let Err(taken) = self.notes.listen(transport, address, &self.path) {
                return self.mistake(key, taken);
            }
        }
    }

    /// Notes a mistake in the value of a key.
    pub fn mistake(&mut self, key: &str, message: impl Into<String>) {
        let span = self.span_of(key);
        self.notes.diagnostics.wrong(span, message.into());
    }

    /// Notes that something is missing from this table.
    pub fn missing(&mut self, message: impl Into<String>) {
        self.notes.diagnostics.missing(self.header.clone(), message.into());
    }

    /// How many mistakes have been noted so far, in the whole file.
    pub(super) fn mistakes(&self) -> usize {
        self.notes.diagnostics.count()
    }

    /// Notes that the table's own name is wrong.
    pub(super) fn wrong_name(&mut self, message: String) {
        self.notes.diagnostics.wrong(self.header.clone(), message);
    }

    /// Whether the file has this key here.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the service that this section describes will stand in the tree.
    pub fn path(&self) -> &ServicePath {
        &self.path
    }

    /// Reads a table inside this one. `None`: there is none, or the key holds something else.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        self.known.push(key);
        let (name, value) = self.table.get_key_value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let found = describe(value.get_ref());
            let message = format!("{key}: expected a table, found {found}");
            self.notes.diagnostics.wrong(value.span(), message);
            return None;
        };
        let title = format!("[{key}]");
        Some(Section::read(table, name.span(), &title, self.path.clone(), self.notes, read))
    }

    /// Reads an array of tables, in order. Empty: there is none, or the key holds something else.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        self.known.push(key);
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
            // An inline table has a place of its own; the others begin where their header does.
            let header = if span.is_empty() { name.span() } else { span.start..span.start + 1 };
            let path = self.path.clone();
            results.push(Section::read(table, header, &title, path, self.notes, &mut read));
        }
        results
    }

    /// Reads the services in the table `services`, in order. Returns whether there are any, right or wrong;
    /// a key that was probably meant to be `services` counts.
    pub(super) fn services(&mut self, mut read: impl FnMut(&str, &mut Section<'_>)) -> bool {
        self.known.push("services");
        let Some(services) = self.table.get("services") else {
            let keys = self.table.keys().map(|key| key.get_ref().as_ref());
            let mut unknown = keys.filter(|key| !self.known.contains(key));
            return unknown.any(|key| nearest(key, self.known.iter().copied()) == Some("services"));
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
                let message =
                    format!("expected a table [services.{}], found {found}", name.get_ref());
                self.notes.diagnostics.wrong(value.span(), message);
                continue;
            };
            let path = self.path.child(name.get_ref());
            let title = format!("service {path}");
            let read = |section: &mut Section<'_>| read(name.get_ref(), section);
            Section::read(table, name.span(), &title, path, self.notes, read);
        }
        !services.is_empty()
    }

    /// What kind of service this is; noted for those who refer to it.
    pub(super) fn kind(&mut self) -> Option<String> {
        let kind = self.required("kind", super::read::word);
        self.notes.add_service(&self.path, kind.as_deref());
        self.any_key |= kind.is_none();
        kind
    }

    pub(super) fn registry(&self) -> Arc<Registry> {
        self.notes.registry.clone()
    }

    pub(super) fn unknown_kind(&mut self, kind: &str) {
        self.any_key = true;
        let registry = self.registry();
        let message = match registry.new_name_of(kind) {
            Some(new) => format!("the kind of service {kind:?} is now called {new:?}"),
            None => {
                let advice = suggestion(kind, &registry.kinds());
                format!("unknown kind of service {kind:?}; {advice}")
            }
        };
        self.mistake("kind", message);
    }

    /// Leaves a key to another reader.
    pub(super) fn ignore(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// For a reader that is not responsible for the whole table.
    pub(super) fn allow_any_key(&mut self) {
        self.any_key = true;
    }

    fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.header.clone(), |value| value.span())
    }

    fn note_unknown_keys(&mut self) {
        if self.any_key {
            return;
        }
        for (key, _) in self.table {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let advice = suggestion(key.get_ref(), &self.known);
                let message =
                    format!("unknown key {:?} in {}; {advice}", key.get_ref(), self.title);
                self.notes.diagnostics.wrong(key.span(), message);
            }
        }
    }
}

impl Value<'_> {
    /// The value, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// The value, if it is a whole number that fits.
    pub fn as_integer(&self) -> Option<i64> {
        let integer = self.0.as_integer()?;
        i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
    }

    /// The value, if it is a number.
    pub fn as_float(&self) -> Option<f64> {
        match self.0.as_float() {
            Some(float) => float.as_str().replace('_', "").parse().ok(),
            // Sizes and seconds are far below the point where this loses precision.
            None => self.as_integer().map(|integer| integer as f64),
        }
    }

    /// The value, if it is true or false.
    pub fn as_bool(&self) -> Option<bool> {
        self.0.as_bool()
    }
}

/// A value as a message names it.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
