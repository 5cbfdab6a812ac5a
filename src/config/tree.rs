//! The `[services]` tables: from sections to a tree.

use super::Section;
use super::registry::Made;
use crate::service::{Application, MultiService};

/// Reads all services of a file into an application.
pub(super) fn read(top: &mut Section<'_>, name: String) -> Application {
    let mut application = Application::new(name);
    if !read_children(top, &mut application) {
        top.missing(
            "the application has no services; describe at least one in a table [services.NAME]",
        );
    }
    application
}

/// Reads the services within a section into `parent`. Returns whether any are there, right or wrong.
fn read_children(section: &mut Section<'_>, parent: &mut MultiService) -> bool {
    section.services(|name, service| {
        let mistakes = service.mistakes();
        match read_service(service) {
            Some((made, settings)) => {
                if let Err(e) = parent.add_with_settings(name, made, settings) {
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

fn read_service(section: &mut Section<'_>) -> Option<Made> {
    let kind = section.kind()?;
    if kind == "group" {
        return Some(read_group(section));
    }
    let registry = section.registry();
    match registry.kind_named(&kind) {
        Some(read) => read(section),
        None => {
            section.unknown_kind(&kind);
            None
        }
    }
}

/// The settings of a group: it has none. What it holds is compared child by child.
#[derive(Debug, PartialEq)]
struct Group;

fn read_group(section: &mut Section<'_>) -> Made {
    let mut group = MultiService::new();
    if !read_children(section, &mut group) {
        let path = section.path();
        let table = path.as_str().replace('.', ".services.");
        section.missing(format!(
            "the group {path} has no services; describe at least one in a table [services.{table}.services.NAME]"
        ));
    }
    (Box::new(group), Box::new(Group))
}
