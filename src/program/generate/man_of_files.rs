//! The manual page of application files.

use super::super::{Program, tables};
use super::man::sentence;
use super::roff::{Page, bold};
use crate::config::KeyInfo;

impl Program {
    /// `NAME.toml(5)`.
    pub(super) fn page_of_files(&self) -> String {
        let (name, registry) = (self.name, &self.registry);
        let title = format!("{name}.toml");
        let about = format!("application files of {name}");
        let mut page = self.new_page(&title, 5, &about);
        page.heading("DESCRIPTION");
        page.text(&format!("An application file is a TOML file that says which services {name} runs, and how. '{name} check' finds all mistakes in it; '{name} generate config' prints an example, and '{name} generate schema' a JSON Schema for editors."));
        page.text("Each table [services.NAME] is a service. NAME consists of letters, digits, '_' and '-'. The key kind says what the service does; its other keys depend on that. A service of the kind group holds others, in tables [services.GROUP.services.NAME]. A service finds another one by its name: first in its own group, then in those around it.");
        page.text("The key name, beside the tables, is the name of the application. A file name is relative to the rundir. Where a key of [daemon] or [log] is an option as well, the command line wins.");
        for (table, title) in [("daemon", "THE TABLE [DAEMON]"), ("log", "THE TABLE [LOG]")] {
            page.heading(title);
            for (option, mut key) in tables::keys(table) {
                key.help = option.help.into();
                key.default = option.default.map(|default| self.named(default));
                entry(&mut page, &key);
            }
        }
        page.heading("KEYS OF EVERY SERVICE");
        entries(&mut page, &registry.keys_of_every_service());
        page.heading("KINDS OF SERVICE");
        for kind in registry.kinds() {
            page.subheading(&format!("kind = \"{kind}\""));
            entries(&mut page, &registry.keys_of_kind(kind).unwrap_or_default());
            if kind == "group" {
                page.text("It has only the table services, with at least one service in it.");
            }
        }
        let protocols = registry.protocols();
        if !protocols.is_empty() {
            page.heading("PROTOCOLS");
        }
        for protocol in protocols {
            page.subheading(&format!("protocol = \"{protocol}\""));
            entries(&mut page, &registry.keys_of_protocol(protocol).unwrap_or_default());
        }
        self.see_also(&mut page, &title);
        page.done()
    }
}

fn entries(page: &mut Page, keys: &[KeyInfo]) {
    keys.iter().for_each(|key| entry(page, key));
}

fn entry(page: &mut Page, key: &KeyInfo) {
    let mut text = sentence(&key.help);
    for more in [
        Some(&key.value).filter(|value| !value.is_empty()).map(|value| format!("Value: {value}")),
        key.default.as_ref().map(|default| format!("Default: {default}")),
        key.required.then(|| "Required".to_owned()),
    ] {
        text += &more.map(|more| format!(" {}", sentence(&more))).unwrap_or_default();
    }
    page.entry(&bold(&key.key), text.trim());
}
