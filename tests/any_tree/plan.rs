//! Application files of any shape.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;
use std::fmt::Write;

/// Few names, so that the same one is often used again: at another place, or for another kind of service.
pub const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// How many files with poems there are.
pub const POEMS: u8 = 3;
/// How many ports and how many socket files there are.
pub const ADDRESSES: u8 = 3;

/// A service, or a group of them.
#[derive(Clone, Debug)]
pub enum Plan {
    Poem { file: u8 },
    Listener(Listener),
    Group { services: Vec<(usize, Plan)>, restarts: bool },
}

#[derive(Clone, Debug)]
pub struct Listener {
    /// A port or a socket file.
    is_tcp: bool,
    address: u8,
    is_slow: bool,
    /// Which of the poems that can be found from there.
    poem: usize,
    backlog: u8,
    is_private: bool,
}

pub fn any_tree() -> impl Strategy<Value = Vec<(usize, Plan)>> {
    let listener = (any::<bool>(), 0..ADDRESSES, any::<bool>(), 0..16usize, 1..4u8, any::<bool>());
    let listener = listener.prop_map(|(is_tcp, address, is_slow, poem, backlog, is_private)| {
        Plan::Listener(Listener { is_tcp, address, is_slow, poem, backlog, is_private })
    });
    let leaf = prop_oneof![(0..POEMS).prop_map(|file| Plan::Poem { file }), listener];
    let plan = leaf.prop_recursive(2, 16, 4, |inner| {
        let group = (vec((0..NAMES.len(), inner), 1..5), any::<bool>());
        group.prop_map(|(services, restarts)| Plan::Group { services, restarts })
    });
    vec((0..NAMES.len(), plan), 1..5).prop_map(without_mistakes)
}

/// Leaves out what would be a mistake: a name or an address twice, a listener that finds no poem, an empty group.
fn without_mistakes(mut tree: Vec<(usize, Plan)>) -> Vec<(usize, Plan)> {
    leave_out_twins(&mut tree, &mut HashSet::new());
    while leave_out_one(&mut tree, &[]) {}
    if tree.is_empty() {
        tree.push((0, Plan::Poem { file: 0 }));
    }
    tree
}

fn leave_out_twins(services: &mut Vec<(usize, Plan)>, addresses: &mut HashSet<(bool, u8)>) {
    let mut names = HashSet::new();
    services.retain_mut(|(name, plan)| match plan {
        _ if !names.insert(*name) => false,
        Plan::Poem { .. } => true,
        Plan::Listener(listener) => addresses.insert((listener.is_tcp, listener.address)),
        Plan::Group { services, .. } => {
            leave_out_twins(services, addresses);
            true
        }
    });
}

/// The names around a place, from the outermost group to the innermost, with whether they are poems.
type Around = Vec<Vec<(usize, bool)>>;

fn around(outer: &[Vec<(usize, bool)>], services: &[(usize, Plan)]) -> Around {
    let own = services.iter().map(|(name, plan)| (*name, matches!(plan, Plan::Poem { .. })));
    let mut around = outer.to_vec();
    around.push(own.collect());
    around
}

/// The names that lead to a poem.
fn poems(around: &Around) -> Vec<usize> {
    let nearest = |name: usize| {
        let mut groups = around.iter().rev().flatten();
        groups.find(|(other, _)| *other == name).is_some_and(|(_, is_poem)| *is_poem)
    };
    (0..NAMES.len()).filter(|name| nearest(*name)).collect()
}

/// Whether there was something to be left out: that may change what others find.
fn leave_out_one(services: &mut Vec<(usize, Plan)>, outer: &[Vec<(usize, bool)>]) -> bool {
    let around = around(outer, services);
    let is_mistake = |plan: &Plan| match plan {
        Plan::Poem { .. } => false,
        Plan::Listener(_) => poems(&around).is_empty(),
        Plan::Group { services, .. } => services.is_empty(),
    };
    if let Some(at) = services.iter().position(|(_, plan)| is_mistake(plan)) {
        services.remove(at);
        return true;
    }
    services.iter_mut().any(|(_, plan)| match plan {
        Plan::Group { services, .. } => leave_out_one(services, &around),
        _ => false,
    })
}

/// The application file. `host` is the address whose ports are used.
pub fn file(tree: &[(usize, Plan)], host: &str) -> String {
    let mut text = String::new();
    write_services(&mut text, tree, host, "", &[]);
    text
}

fn write_services(
    text: &mut String,
    services: &[(usize, Plan)],
    host: &str,
    prefix: &str,
    outer: &[Vec<(usize, bool)>],
) {
    let around = around(outer, services);
    for (name, plan) in services {
        let table = format!("{prefix}services.{}", NAMES[*name]);
        writeln!(text, "[{table}]").unwrap();
        match plan {
            Plan::Poem { file } => {
                writeln!(text, "kind = \"poem\"\nfile = \"poem-{file}\"").unwrap()
            }
            Plan::Listener(listener) => {
                let poems = poems(&around);
                let poem = NAMES[poems[listener.poem % poems.len()]];
                writeln!(text, "{}", listener.keys(host, poem)).unwrap();
            }
            Plan::Group { services, restarts } => {
                let restart = if *restarts { "restart = \"on-failure\"\n" } else { "" };
                writeln!(text, "kind = \"group\"\n{restart}").unwrap();
                write_services(text, services, host, &format!("{table}."), &around);
            }
        }
    }
}

impl Listener {
    fn keys(&self, host: &str, poem: &str) -> String {
        let address = match self.is_tcp {
            true => {
                format!("kind = \"tcp\"\ninterface = \"{host}\"\nport = {}", port(self.address))
            }
            false => {
                let mode = if self.is_private { "600" } else { "660" };
                format!("kind = \"unix\"\npath = \"socket-{}\"\nmode = \"{mode}\"", self.address)
            }
        };
        let protocol = if self.is_slow { "slow\"\nnum-bytes = 5\ndelay = 0.001" } else { "fast\"" };
        let backlog = 10 * self.backlog;
        format!("{address}\nbacklog = {backlog}\nprotocol = \"{protocol}\npoem = \"{poem}\"")
    }
}

/// Below those that the kernel gives to clients, and to listeners of other tests.
pub fn port(address: u8) -> u16 {
    21_000 + u16::from(address)
}
