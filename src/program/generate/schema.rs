//! A JSON Schema of application files.
//!
//! It accepts every file that the checker accepts. It refuses less, since it knows nothing of other services, of keys that
//! exclude each other, and of readers that somebody else has written.
//!
//! It is of draft 7, which every editor for TOML understands. A service has the keys of its kind by `if` and `then`, so
//! that a validator can say what is wrong with one of them; besides, all keys are listed in one place, where editors look
//! for what they suggest.

use super::super::{Program, tables};
use super::entry::bare_default;
use crate::config::{KeyInfo, Names};
use serde_json::{Map, Value as Json, json};

type Properties = Map<String, Json>;

/// The names of services.
const NAME: &str = "^[A-Za-z0-9_-]+$";

impl Program {
    /// The schema.
    pub(super) fn schema(&self) -> String {
        let name = self.name;
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": format!("Application files of {name} {}", self.version),
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "The name of the application" },
                "daemon": self.runner_table("daemon", "How the daemon runs"),
                "log": self.runner_table("log", "The log"),
                "services": { "$ref": "#/definitions/services" },
            },
            "required": ["services"],
            "additionalProperties": false,
            "definitions": { "services": services(), "service": self.service_schema() },
        });
        format!("{schema:#}\n")
    }

    /// The table `[daemon]` or `[log]`.
    fn runner_table(&self, table: &'static str, description: &str) -> Json {
        let keys = tables::keys(table).into_iter().map(|(option, mut key)| {
            key.help = option.help.into();
            key.default = option.default.map(|default| self.named(default));
            (key.key.clone(), property(&key))
        });
        let properties: Properties = keys.collect();
        json!({
            "type": "object",
            "description": description,
            "properties": properties,
            "additionalProperties": false,
        })
    }

    fn service_schema(&self) -> Json {
        let registry = &self.registry;
        let every = registry.keys_of_every_service();
        let mut all: Properties =
            every.iter().map(|key| (key.key.clone(), property(key))).collect();
        all.insert("kind".into(), self.kind_schema());
        let mut branches = vec![group(&every)];
        for kind in registry.kinds() {
            let keys = registry.keys_of_kind(kind).unwrap_or_default();
            if keys.is_empty() && kind == "group" {
                continue;
            }
            keys.iter().for_each(|key| suggest(&mut all, key));
            let protocol_key = keys.iter().find(|key| key.names == Names::Protocol);
            let when = json!({ "kind": { "const": kind } });
            let is_whole = protocol_key.is_none();
            branches.push(branch(when, &["kind"], self.table_of(&every, &keys, &[], is_whole)));
            let Some(protocol_key) = protocol_key else { continue };
            for protocol in registry.protocols() {
                let its = registry.keys_of_protocol(protocol).unwrap_or_default();
                its.iter().for_each(|key| suggest(&mut all, key));
                let name = protocol_key.key.as_str();
                let when = json!({ "kind": { "const": kind }, name: { "const": protocol } });
                let table = self.table_of(&every, &its, &keys, true);
                branches.push(branch(when, &["kind", name], table));
            }
        }
        all.insert("services".into(), json!({ "$ref": "#/definitions/services" }));
        json!({
            "type": "object",
            "properties": all,
            "required": ["kind"],
            "allOf": branches,
        })
    }

    fn kind_schema(&self) -> Json {
        json!({ "enum": self.registry.kinds(), "description": "The kind of service" })
    }

    /// A table with these keys. `others` are checked elsewhere. `is_whole`: there are no more.
    fn table_of(
        &self,
        every: &[KeyInfo],
        keys: &[KeyInfo],
        others: &[KeyInfo],
        is_whole: bool,
    ) -> Json {
        let elsewhere = every.iter().chain(others).map(|key| (key.key.clone(), json!(true)));
        let mut properties: Properties = elsewhere.collect();
        for key in keys {
            let mut property = property(key);
            if key.names == Names::Protocol {
                property["enum"] = self.registry.protocols().into();
            }
            properties.insert(key.key.clone(), property);
        }
        let required: Vec<&str> =
            keys.iter().filter(|key| key.required).map(|key| &*key.key).collect();
        let mut table = json!({ "properties": properties, "required": required });
        if is_whole {
            table["additionalProperties"] = false.into();
        }
        table
    }
}

/// Services by their names.
fn services() -> Json {
    json!({
        "type": "object",
        "description": "Services by their names",
        "minProperties": 1,
        "propertyNames": { "pattern": NAME },
        "additionalProperties": { "$ref": "#/definitions/service" },
    })
}

/// A service that holds others.
fn group(every: &[KeyInfo]) -> Json {
    let mut properties: Properties =
        every.iter().map(|key| (key.key.clone(), json!(true))).collect();
    properties.insert("services".into(), json!({ "$ref": "#/definitions/services" }));
    let table = json!({
        "properties": properties, "required": ["services"], "additionalProperties": false,
    });
    branch(json!({ "kind": { "const": "group" } }), &["kind"], table)
}

fn branch(when: Json, required: &[&str], then: Json) -> Json {
    json!({ "if": { "properties": when, "required": required }, "then": then })
}

/// What the value of a key can be, and what it does.
fn property(key: &KeyInfo) -> Json {
    let shape = key.shape.clone().unwrap_or_else(|| json!({}));
    let default = key.default.as_deref().and_then(|default| bare_default(default, &shape));
    let mut property = shape;
    if !key.help.is_empty() {
        let words = match (&key.default, &default) {
            (Some(words), None) => format!("{} [default: {words}]", key.help),
            _ => key.help.clone(),
        };
        property["description"] = words.into();
    }
    if let Some(default) = default {
        property["default"] = default;
    }
    property
}

/// Lists a key of some kind for editors, whatever its value.
fn suggest(all: &mut Properties, key: &KeyInfo) {
    let description = key.help.clone();
    all.entry(&key.key).or_insert_with(|| json!({ "description": description }));
}
