//! Reloads that change a bit of everything, while clients fetch.

use super::clients::{Tally, Target};
use super::daemon::{Daemon, TABLES, own_address};
use super::texts::short_text;
use crate::support::Sandbox;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::SeqCst;

/// How many clients there are at a time.
const CLIENTS: usize = 64;

/// What an application can differ in.
struct Application {
    place: (Ipv4Addr, u16),
    text: usize,
    file: usize,
    has_extra: bool,
    is_in_west: bool,
    is_slow: bool,
}

impl Application {
    fn at(place: (Ipv4Addr, u16)) -> Self {
        let (has_extra, is_in_west, is_slow) = Default::default();
        Self { place, text: 0, file: 0, has_extra, is_in_west, is_slow }
    }

    fn toml(&self) -> String {
        let fast = "protocol = \"fast\"";
        let changing = match self.is_slow {
            true => "protocol = \"slow\"\nnum-bytes = 2000\ndelay = 0.001",
            false => fast,
        };
        let group = if self.is_in_west { "west" } else { "east" };
        let listeners = [
            Some(self.tcp("services.steady", 0, fast)),
            Some(self.tcp("services.changing", 1, changing)),
            Some(self.tcp(&format!("services.{group}.services.moving"), 2, fast)),
            self.has_extra.then(|| self.tcp("services.extra", 3, fast)),
        ];
        let listeners: String = listeners.into_iter().flatten().collect();
        format!(
            "{TABLES}[services.poem]\nkind = \"poem\"\nfile = \"poetry/{}.txt\"\n\
             {}{}{listeners}\
             [services.local]\nkind = \"unix\"\npath = \"local.sock\"\npoem = \"poem\"\n{changing}\n",
            self.file,
            small_group("east"),
            small_group("west")
        )
    }

    fn tcp(&self, table: &str, number: u16, protocol: &str) -> String {
        let (interface, port) = (self.place.0, self.place.1 + number);
        format!(
            "[{table}]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\npoem = \"poem\"\n{protocol}\n"
        )
    }

    fn write_text(&self, sandbox: &Sandbox) {
        std::fs::write(sandbox.path(&format!("poetry/{}.txt", self.file)), short_text(self.text))
            .unwrap();
    }

    /// Changes one thing. Returns what the verdict has to count.
    fn change(&mut self, step: usize, sandbox: &Sandbox, tally: &Tally) -> &'static str {
        let is_present = self.has_extra;
        match step % 5 {
            kind @ (0 | 1) => {
                self.text += 1;
                self.file += kind;
                tally.written.store(self.text, SeqCst);
                self.write_text(sandbox);
                if kind == 0 {
                    "1 updated, 0 replaced, 0 added, 0 removed"
                } else {
                    "0 added, 0 removed"
                }
            }
            2 => {
                self.has_extra = !is_present;
                if is_present { "0 added, 1 removed" } else { "1 added, 0 removed" }
            }
            3 => {
                self.is_in_west = !self.is_in_west;
                "0 replaced, 1 added, 1 removed"
            }
            _ => {
                self.is_slow = !self.is_slow;
                "2 replaced, 0 added, 0 removed"
            }
        }
    }
}

/// A group that is there even if the listener that moves is in the other one.
fn small_group(name: &str) -> String {
    let table = format!("services.{name}");
    format!(
        "[{table}]\nkind = \"group\"\n\
         [{table}.services.other]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n"
    )
}

/// Reloads `reloads` times. Nobody may be refused, reset, or served anything but the whole text that is due.
pub fn nobody_loses_anything(reloads: usize) -> Tally {
    let sandbox = Sandbox::new();
    let mut application = Application::at(own_address());
    application.write_text(&sandbox);
    let (interface, port) = application.place;
    let targets = [
        Target::Tcp((interface, port).into()),
        Target::Tcp((interface, port + 1).into()),
        Target::Tcp((interface, port + 2).into()),
        Target::Unix(sandbox.path("local.sock")),
        Target::Sometimes((interface, port + 3).into()),
    ];
    let daemon = Daemon::start(sandbox, &application.toml());
    let tally = Tally::default();
    tally.during(CLIENTS, &targets, || {
        for step in 0..reloads {
            let expected = application.change(step, &daemon.sandbox, &tally);
            let counts = daemon.reload_as(&application.toml());
            assert!(counts.contains(expected), "step {step}: {counts}; expected: {expected}");
            tally.confirmed.store(application.text, SeqCst);
        }
    });
    tally.assert_nothing_is_lost();
    tally.assert_few_are_too_late(reloads / 10);
    daemon.stop();
    tally
}
