//! Right files: what they become.

use super::{application_and, registry, right};
use crate::async_trait;
use crate::config::{Kind, Section, load, load_tables, read};
use crate::service::{Application, BoxError, Context, Files, MultiService, Service, Settings};
use std::fs;
use tokio::time::Instant;

const POEM: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n";

/// A file with one listener, whose table ends in `more`.
fn listener(more: &str) -> String {
    format!(
        "{POEM}\n[services.fast]\nkind = \"tcp\"\nport = 10000\nprotocol = \"fast\"\npoem = \"ecstasy\"\n{more}\n"
    )
}

fn group(services: &MultiService, name: &str) -> MultiService {
    services.inspect(name, |service| service.children().cloned()).flatten().unwrap()
}

#[test]
fn services_keep_the_order_of_the_file() {
    let poem = |name: &str| format!("[services.{name}]\nkind = \"poem\"\nfile = \"x\"\n");
    let order = ["zeta", "alpha", "2", "mu-1", "Beta", "10"];
    let application = right(&order.map(poem).concat());
    assert_eq!(application.services().names(), order);
}

#[test]
fn groups_nest() {
    let application = right(
        "[services.night]\nkind = \"group\"\n[services.night.services.late]\nkind = \"group\"\n\
         [services.night.services.late.services.science]\nkind = \"poem\"\nfile = \"x\"\n\
         [services.night.services.sera]\nkind = \"poem\"\nfile = \"x\"\n",
    );
    let night = group(application.services(), "night");
    assert_eq!(night.names(), ["late", "sera"]);
    assert_eq!(group(&night, "late").names(), ["science"]);
}

#[test]
fn an_application_is_called_as_it_says_or_else_as_its_file() {
    assert_eq!(right(&format!("name = \"poetry\"\n{POEM}")).name(), "poetry");
    assert_eq!(right(POEM).name(), "fast");
}

#[test]
fn nothing_is_started_or_opened_by_reading() {
    // The poem does not exist, and nobody may listen on port 1.
    let application = right(&listener("").replace("10000", "1"));
    assert!(!application.services().running());
}

#[test]
fn what_the_runner_reads_comes_back_beside_the_application() {
    let text = format!("[daemon]\nuid = \"nobody\"\n{POEM}");
    let (application, uid) = application_and(&text, |top| {
        top.table("daemon", |daemon| daemon.required("uid", read::string)).flatten()
    })
    .unwrap();
    assert_eq!(
        (application.services().names(), uid.as_deref()),
        (vec!["ecstasy".to_owned()], Some("nobody"))
    );
}

#[test]
fn a_file_on_disk_is_read_as_its_text_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("odes.toml");
    fs::write(&file, listener("")).unwrap();
    let (application, ()) = load(&file, &registry(), |_| ()).unwrap();
    assert_eq!(application.name(), "odes");
    assert_eq!(application.services().names(), ["ecstasy", "fast"]);
}

#[test]
fn tables_of_the_runner_can_be_read_though_services_are_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fast.toml");
    let services = "[services.fast]\nkind = \"nothing\"\n";
    let uid = |top: &mut Section<'_>| {
        top.table("daemon", |daemon| daemon.required("uid", read::string)).flatten()
    };
    fs::write(&file, format!("[daemon]\nuid = \"nobody\"\n{services}")).unwrap();
    assert_eq!(load_tables(&file, &registry(), uid).unwrap().as_deref(), Some("nobody"));
    fs::write(&file, format!("[daemon]\nuid = 7\n{services}")).unwrap();
    let report = load_tables(&file, &registry(), uid).unwrap_err().to_string();
    assert!(report.contains("fast.toml:2:7: uid: ") && !report.contains("nothing"), "{report}");
}

/// A listener in a group, with a poem called `poem` inside and outside of the group.
fn inside_and_outside(inside: &str, outside: &str) -> String {
    format!(
        "[services.poem]\nkind = \"{outside}\"\nfile = \"x\"\n\n[services.night]\nkind = \"group\"\n\n\
         [services.night.services.poem]\nkind = \"{inside}\"\nfile = \"x\"\n\n\
         [services.night.services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"poem\"\n"
    )
}

/// Beside poems, a file may have essays, which are no poems.
fn application_with_essays(text: &str) -> Result<Application, String> {
    let mut registry = registry();
    registry.kind::<Essay>("essay");
    let parsed = crate::config::parse("fast.toml", text, &registry, |_| ());
    parsed.map(|(application, ())| application).map_err(|e| e.to_string())
}

#[derive(Debug, PartialEq)]
struct Essay {
    file: String,
}

impl Kind for Essay {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { file: section.required("file", read::string)? })
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(Silent)
    }
}

struct Silent;

#[async_trait]
impl Service for Silent {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn a_name_means_the_nearest_service_and_then_those_further_out() {
    assert!(application_with_essays(&inside_and_outside("poem", "essay")).is_ok());
    let report = application_with_essays(&inside_and_outside("essay", "poem")).err().unwrap();
    assert!(report.contains("night.poem is of kind \"essay\""), "{report}");
    let outside_only = inside_and_outside("essay", "poem")
        .replace("[services.night.services.poem]", "[services.night.services.prose]");
    assert!(application_with_essays(&outside_only).is_ok());
}

#[test]
fn a_name_may_stand_before_what_it_names() {
    let text = format!(
        "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n{POEM}"
    );
    assert_eq!(right(&text).services().names(), ["fast", "ecstasy"]);
}

#[test]
fn port_0_and_other_addresses_never_collide() {
    let fast = |name: &str, interface: &str, port: u16| {
        format!(
            "[services.{name}]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\nprotocol = \"fast\"\npoem = \"ecstasy\"\n"
        )
    };
    let together = [
        fast("a", "127.0.0.1", 0),
        fast("b", "127.0.0.1", 0),
        fast("c", "127.0.0.1", 10000),
        fast("d", "127.0.0.2", 10000),
        fast("e", "0.0.0.0", 10001),
        // IPv6 sockets are IPv6 only, so both families have their own ports.
        fast("f", "::", 10000),
        fast("g", "::", 10001),
    ];
    right(&format!("{POEM}{}", together.concat()));
}

/// The settings of the service `fast` of a file.
fn same_settings(one: &str, other: &str) -> bool {
    let (one, other) = (right(one), right(other));
    one.services().settings("fast").unwrap().same_as(&*other.services().settings("fast").unwrap())
}

#[test]
fn equal_settings_are_equal_however_they_are_written() {
    let written = listener("write-timeout = 60.0").replace("10000", "0x2710");
    assert!(same_settings(&listener("write-timeout = 60"), &written));
}

#[test]
fn what_is_left_out_is_what_the_documentation_says() {
    let spelled_out =
        "interface = \"localhost\"\nbacklog = 4096\nwrite-timeout = 60\nlinger-timeout = 5";
    assert!(same_settings(&listener(""), &listener(spelled_out)));
}

#[test]
fn every_setting_makes_a_difference() {
    for different in [
        listener("interface = \"127.0.0.2\""),
        listener("").replace("10000", "10001"),
        listener("backlog = 50"),
        listener("max-connections = 5"),
        listener("write-timeout = 59.5"),
        listener("linger-timeout = 0"),
        listener("").replace("ecstasy", "science"),
    ] {
        assert!(!same_settings(&listener(""), &different), "{different}");
    }
}

#[test]
fn settings_of_different_kinds_differ() {
    let application = right(&listener(""));
    let settings = |name| application.services().settings(name).unwrap();
    assert!(!settings("fast").same_as(&*settings("ecstasy")));
    let essay: &dyn Settings = &Essay { file: "ecstasy.txt".into() };
    assert!(!settings("ecstasy").same_as(essay));
}

/// Whatever their kind, groups included.
#[test]
fn every_service_may_say_when_it_is_restarted() {
    let keys = "restart = \"on-failure\"\nrestart-delay = 0.5\nrestart-max-delay = 60\n\
                restart-window = 120\nrestart-limit = 5\n";
    right(&listener(keys));
    right(&format!(
        "[services.g]\nkind = \"group\"\n{keys}[services.g.services.p]\nkind = \"poem\"\nfile = \"x\"\n{keys}"
    ));
    right(&listener("restart = \"never\""));
    // The longest wait is at least the first one, if it is not said.
    right(&listener("restart = \"always\"\nrestart-delay = 3600"));
}

/// They say nothing of what the service is.
#[test]
fn when_it_is_restarted_is_no_setting_of_the_service() {
    assert!(same_settings(&listener(""), &listener("restart = \"always\"\nrestart-delay = 2")));
}

#[test]
fn a_poem_is_looked_for_in_the_rundir() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::new(None, directory.path().to_owned());
    let application = right(POEM);
    let check = || application.services().inspect("ecstasy", |poem| poem.check(&files)).unwrap();
    assert!(check().is_err());
    fs::write(directory.path().join("ecstasy.txt"), "Where, like a pillow").unwrap();
    let would = check().unwrap();
    assert_eq!(would, "would load a poem from ecstasy.txt (20 bytes)");
}

#[test]
fn a_listener_says_every_address_that_it_would_listen_on() {
    let application = right(&listener("interface = \"*\""));
    let check = |fast: &dyn Service| fast.check(&Files::default());
    let would = application.services().inspect("fast", check).unwrap().unwrap();
    assert_eq!(would, "would listen on [::]:10000 and 0.0.0.0:10000");
}
