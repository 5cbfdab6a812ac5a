//! The `[services]` tables: from sections to a tree.

use super::diagnostic::suggestion;
use super::file_checks::Offer;
use super::registry::{GROUP, Registry};
use super::reserved::{self, Reserved};
use super::section::Section;
use crate::service::{Application, Managed, MultiService};
use crate::value::quoted;

/// Reads all services of a file into an application.
pub(super) fn read_services(
    top: &mut Section<'_>,
    name: String,
    registry: &Registry,
) -> Application {
    let application = Application::new(name);
    if !read_children(top, application.services(), registry) {
        top.missing(
            "the application has no services; describe at least one in a table [services.NAME]",
        );
    }
    application
}

/// Reads the services within a section into `parent`. Returns whether any are there, right or wrong.
fn read_children(section: &mut Section<'_>, parent: &MultiService, registry: &Registry) -> bool {
    section.services(|name, service| {
        let mistakes = service.mistakes();
        match read_service(service, registry) {
            Some(managed) => {
                if let Err(e) = parent.add(name, managed) {
                    service.wrong_name(e.to_string());
                }
            }
            None if service.mistakes() == mistakes => {
                service
                    .missing(format!("the settings of service {} can't be used", service.path()));
            }
            None => {}
        }
    })
}

fn read_service(section: &mut Section<'_>, registry: &Registry) -> Option<Managed> {
    let Reserved { kind, restart } = reserved::read(section);
    let managed = read_kind(section, kind.as_deref(), registry)?.restart(restart);
    Some(managed.kind(kind.unwrap_or_default()))
}

fn read_kind(
    section: &mut Section<'_>,
    kind: Option<&str>,
    registry: &Registry,
) -> Option<Managed> {
    let Some(kind) = kind else {
        section.allow_any_key();
        section.add_service("", Offer::Unknown);
        return None;
    };
    section.add_service(kind, registry.offer_of(kind));
    if kind == GROUP {
        return Some(read_group(section, registry));
    }
    let Some(read) = registry.kind_named(kind) else {
        section.allow_any_key();
        section.mistake("kind", unknown_kind(kind, registry));
        return None;
    };
    let (service, settings) = read(section)?;
    Some(Managed::new(service).settings(settings))
}

fn unknown_kind(kind: &str, registry: &Registry) -> String {
    match registry.new_name_of(kind) {
        Some(new) => format!("the kind of service {kind:?} is now named {new:?}"),
        None => {
            let advice = suggestion(kind, &registry.kinds());
            format!("unknown kind of service {}; {advice}", quoted(kind))
        }
    }
}

/// The settings of a group: it has none. What it holds is compared child by child.
#[derive(Debug, PartialEq)]
struct Group;

fn read_group(section: &mut Section<'_>, registry: &Registry) -> Managed {
    let group = MultiService::new();
    if !read_children(section, &group, registry) {
        let path = section.path();
        let table = path.as_str().replace('.', ".services.");
        section.missing(format!(
            "the group {path} has no services; describe at least one in a table [services.{table}.services.NAME]"
        ));
    }
    Managed::new(group).settings(Box::new(Group))
}
