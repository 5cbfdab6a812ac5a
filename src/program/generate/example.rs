//! Examples of application files.

use super::super::failure::Failure;
use super::super::{Program, tables};
use super::entry::Entry;
use crate::config::{self, KeyInfo, Names, nearest, quoted};
use std::fmt::Write as _;

/// What an example is to have: a kind of service and, where the kind has a key for it, a protocol.
#[derive(Clone, Copy, PartialEq)]
struct Wish<'a> {
    kind: &'a str,
    protocol: Option<&'a str>,
}

impl Program {
    /// An application file with comments, with a service of each of these kinds. It has no mistakes, unless a key is
    /// required for which its description has no example.
    pub(super) fn example(&self, kinds: &[String]) -> Result<String, Failure> {
        let wishes: Vec<Wish<'_>> = match kinds {
            [] => vec![self.usual()],
            kinds => kinds.iter().map(|word| self.wish(word)).collect::<Result<_, _>>()?,
        };
        let name = self.name;
        let head = format!(
            "#:schema ./{name}.schema.json\n\
             # The line above is for editors; the file is made by: {name} generate schema > {name}.schema.json\n\
             # This is an application file of {name}. Check it with: {name} check FILE\n\n\
             # name = \"{name}\"\n"
        );
        let mut example = Example { program: self, text: head, services: Vec::new(), ports: 0 };
        for wish in wishes {
            example.add("services", wish);
        }
        example.add_every_key();
        for table in ["daemon", "log"] {
            let _ = writeln!(example.text, "\n# [{table}]");
            for (option, mut key) in tables::keys(table) {
                key.help = option.help.into();
                key.default = option.default.map(|default| self.named(default));
                Entry::of(&key, None).write_in(&mut example.text);
            }
        }
        Ok(example.text)
    }

    /// The kind of an example for which none was named.
    fn usual(&self) -> Wish<'_> {
        let protocol = self.registry.protocols().first().copied();
        let is_own = |kind: &&str| !["tcp", "unix", "group", "status"].contains(kind);
        let own = self.registry.kinds().into_iter().find(is_own);
        match (protocol, own) {
            (None, Some(kind)) => Wish { kind, protocol },
            (None, None) => Wish { kind: "status", protocol },
            (Some(_), _) => Wish { kind: "tcp", protocol },
        }
    }

    /// What a word of the command line asks for: `KIND`, `KIND:PROTOCOL` or `PROTOCOL`.
    fn wish<'a>(&'a self, word: &'a str) -> Result<Wish<'a>, Failure> {
        let (kinds, protocols) = (self.registry.kinds(), self.registry.protocols());
        let usual = protocols.first().copied();
        let (kind, protocol) = match word.split_once(':') {
            Some((kind, protocol)) => (kind, Some(protocol)),
            None if !kinds.contains(&word) && protocols.contains(&word) => ("tcp", Some(word)),
            None => (word, usual),
        };
        if !kinds.contains(&kind) {
            let mut known = kinds;
            known.extend(protocols.iter().filter(|_| !word.contains(':')));
            return Err(unknown("kind of service", kind, &known));
        }
        match protocol {
            Some(named) if word.contains(':') && !self.has_protocol(kind) => {
                let named = quoted(named);
                let message = format!("a service of kind {kind} has no protocol, so not {named}");
                Err(Failure::Other(message, 2))
            }
            Some(named) if !protocols.contains(&named) => {
                Err(unknown("protocol", named, &protocols))
            }
            None if self.has_protocol(kind) => {
                let message = format!("there is no protocol for a service of kind {kind}");
                Err(Failure::Other(message, 2))
            }
            protocol => Ok(Wish { kind, protocol }),
        }
    }

    /// Whether services of this kind use a protocol.
    pub(super) fn has_protocol(&self, kind: &str) -> bool {
        let keys = self.registry.keys_of_kind(kind).unwrap_or_default();
        keys.iter().any(|key| key.names == Names::Protocol)
    }
}

/// The error for a word that is not one of `known`.
pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> Failure {
    let near = nearest(word, known.iter().copied());
    let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let (word, known) = (quoted(word), known.join(", "));
    Failure::Other(format!("unknown {what} {word}{near} (there are {known})"), 2)
}

/// A file that is being made.
struct Example<'a> {
    program: &'a Program,
    text: String,
    /// What it has so far: the table around each service, its name, and what it is.
    services: Vec<(String, String, Wish<'a>)>,
    /// How many ports have been used.
    ports: u16,
}

/// The port of the first service that has one.
const FIRST_PORT: u16 = 10_000;

impl<'a> Example<'a> {
    /// Adds a service to the table `parent`, and before it those that it needs. Returns its name.
    fn add(&mut self, parent: &str, wish: Wish<'a>) -> String {
        let program = self.program;
        let keys = self.keys(wish);
        let name = self.name_for(wish);
        // First of all, so that a service that needs one of its own kind names itself instead of others without end.
        self.services.push((parent.to_owned(), name.clone(), wish));
        let mut entries = vec![Entry::with("kind", wish.kind)];
        for key in &keys {
            let value = match key.names {
                Names::Protocol => wish.protocol.map(str::to_owned),
                Names::Service(handle) => {
                    let kind = program.registry.kind_with_handle(handle);
                    kind.map(|kind| self.service(parent, Wish { kind, protocol: None }))
                }
                Names::Nothing => None,
            };
            let mut entry = Entry::of(key, value);
            if entry.is_port() {
                entry.set_port(FIRST_PORT.saturating_add(self.ports));
                self.ports += 1;
            }
            entries.push(entry);
        }
        let table = format!("{parent}.{name}");
        self.choose(&table, &mut entries, wish);
        self.text = self.with(&table, &entries);
        if wish.kind == "group" {
            self.add(&format!("{table}.services"), program.usual());
        }
        name
    }

    /// The name of a service in the file; it is added if there is none yet.
    fn service(&mut self, parent: &str, wish: Wish<'a>) -> String {
        let is_in_reach = |around: &str| format!("{parent}.").starts_with(&format!("{around}."));
        let mut services = self.services.iter();
        let found =
            services.find(|(around, _, other)| other.kind == wish.kind && is_in_reach(around));
        match found {
            Some((_, name, _)) => name.clone(),
            None => self.add(parent, wish),
        }
    }

    /// The keys of a service, with those of its protocol after the key that names it.
    fn keys(&self, wish: Wish<'_>) -> Vec<KeyInfo> {
        let registry = &self.program.registry;
        let mut keys = Vec::new();
        for key in registry.keys_of_kind(wish.kind).unwrap_or_default() {
            let protocol = wish.protocol.filter(|_| key.names == Names::Protocol);
            keys.push(key);
            let its = protocol.and_then(|protocol| registry.keys_of_protocol(protocol));
            keys.extend(its.unwrap_or_default());
        }
        keys
    }

    fn name_for(&self, wish: Wish<'_>) -> String {
        let protocol = wish.protocol.filter(|_| self.program.has_protocol(wish.kind));
        let name = protocol.unwrap_or(wish.kind);
        let is_free = |name: &String| self.services.iter().all(|(_, other, _)| other != name);
        let numbered = (2..).map(|number: usize| format!("{name}{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// Where keys that are not required leave out something that the checker wants, such as one of two keys, writes
    /// the first of them that is enough.
    fn choose(&self, table: &str, entries: &mut [Entry], wish: Wish<'_>) {
        let is_right =
            |entries: &[Entry]| wish.kind == "group" || self.passes(&self.with(table, entries));
        if is_right(entries) {
            return;
        }
        for index in 0..entries.len() {
            if entries[index].is_written {
                continue;
            }
            entries[index].is_written = true;
            if is_right(entries) {
                return;
            }
            entries[index].is_written = false;
        }
    }

    fn passes(&self, text: &str) -> bool {
        config::parse("example.toml", text, &self.program.registry, tables::read).is_ok()
    }

    /// The file with one more service.
    fn with(&self, table: &str, entries: &[Entry]) -> String {
        let mut text = format!("{}\n[{table}]\n", self.text);
        entries.iter().for_each(|entry| entry.write_in(&mut text));
        text
    }

    /// Adds the keys that every service can have.
    fn add_every_key(&mut self) {
        self.text += "\n# Every service can have these keys, too, in its table.\n";
        for key in self.program.registry.keys_of_every_service().iter().filter(|key| !key.required)
        {
            Entry::of(key, None).write_in(&mut self.text);
        }
    }
}
