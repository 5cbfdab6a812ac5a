//! The order in which services stop: one that others have found stops after them.

use super::State;
use super::slot::{Slot, Turn, address, all_within};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A service that has found another one.
struct Find {
    finder: Arc<Slot>,
    found: Arc<Slot>,
}

/// The beginning or the end of a service's stop.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Begin(usize),
    End(usize),
}

/// Which events come directly after which.
type Graph = HashMap<Event, HashSet<Event>>;

/// Gives each service within `group` its turn to stop: after all services within `group` that have found it.
/// `finders` are all services that have found any. In a circle, the one that comes later in the tree goes first. Services
/// that [stop last](super::Service::stops_last) stop after all others.
///
/// Services that a reload has replaced or removed stop together with the root.
pub(super) fn decide_order(group: &Arc<Slot>, finders: impl IntoIterator<Item = Arc<Slot>>) {
    let is_root = group.group().is_none();
    let stops = |slot: &Arc<Slot>| slot.is_within(group) || is_root && slot.is_retired();
    let mut finds = finds_among(stops, stops, finders);
    finds.extend(finds_of_the_last(group));
    set_turns(Some(group), finds);
}

/// Services that stop last count as found by everything else in the group that has something to stop.
fn finds_of_the_last(group: &Arc<Slot>) -> Vec<Find> {
    let (last, others): (Vec<_>, Vec<_>) =
        all_within(group).into_iter().skip(1).partition(|slot| slot.stops_last());
    let runs = |slot: &Arc<Slot>| {
        matches!(slot.state(), State::Starting | State::Running | State::Stopping)
    };
    let mut finds = Vec::new();
    for found in last {
        let finders = others.iter().filter(|slot| runs(slot) && !found.is_within(slot));
        finds.extend(finders.map(|finder| Find { finder: finder.clone(), found: found.clone() }));
    }
    finds
}

/// The same for services that are anywhere in a tree, given by their [addresses](address). They stop after services that
/// earlier reloads have replaced or removed, too.
pub(super) fn decide_order_among(
    services: &HashSet<usize>,
    finders: impl IntoIterator<Item = Arc<Slot>>,
) {
    let stops = |slot: &Arc<Slot>| services.contains(&address(slot));
    let finds = finds_among(|slot| stops(slot) || slot.is_retired(), stops, finders);
    set_turns(None, finds);
}

fn set_turns(group: Option<&Arc<Slot>>, finds: Vec<Find>) {
    let mut turns: HashMap<usize, (Arc<Slot>, Turn)> = HashMap::new();
    for find in without_circles(group, finds) {
        let finder = turns.entry(address(&find.finder)).or_insert_with(|| turn_of(&find.finder));
        let stopped = finder.1.stopped.clone();
        let found = turns.entry(address(&find.found)).or_insert_with(|| turn_of(&find.found));
        found.1.after.push(stopped);
    }
    for (slot, turn) in turns.into_values() {
        slot.set_turn(turn);
    }
}

/// Others may be waiting already for a service that is being stopped.
fn turn_of(slot: &Arc<Slot>) -> (Arc<Slot>, Turn) {
    (slot.clone(), slot.take_turn().map(|turn| *turn).unwrap_or_default())
}

/// Which services have found which, of those that stop before others and those that stop after others. A service that has found a group around
/// itself does not count, since it is that group that stops it.
fn finds_among(
    before: impl Fn(&Arc<Slot>) -> bool,
    after: impl Fn(&Arc<Slot>) -> bool,
    finders: impl IntoIterator<Item = Arc<Slot>>,
) -> Vec<Find> {
    let mut finds = Vec::new();
    for finder in finders.into_iter().filter(before) {
        for found in finder.finds() {
            if after(&found) && !finder.is_within(&found) {
                finds.push(Find { finder: finder.clone(), found });
            }
        }
    }
    finds
}

/// Leaves out, of the finds that are part of a circle, those by a service that comes earlier in the tree.
fn without_circles(group: Option<&Arc<Slot>>, finds: Vec<Find>) -> Vec<Find> {
    let by_earlier: Vec<bool> =
        finds.iter().map(|find| find.finder.position() < find.found.position()).collect();
    if !by_earlier.contains(&true) {
        return finds; // each waits only for later ones
    }
    let circles = circles(&order_of_events(group, &finds));
    let kept = finds.into_iter().zip(by_earlier).filter(|(find, by_earlier)| {
        let (end, begin) = (Event::End(address(&find.finder)), Event::Begin(address(&find.found)));
        !by_earlier || circles.get(&end) != circles.get(&begin)
    });
    kept.map(|(find, _)| find).collect()
}

/// Which events come directly after which: the end of a service after its beginning; within a group, the
/// beginnings after the group's beginning, and the group's end after their ends; and the beginning of a service
/// after the ends of those that have found it.
fn order_of_events(group: Option<&Arc<Slot>>, finds: &[Find]) -> Graph {
    let mut next = Graph::new();
    let mut add = |from, to| _ = next.entry(from).or_default().insert(to);
    for find in finds {
        add(Event::End(address(&find.finder)), Event::Begin(address(&find.found)));
        for slot in [&find.finder, &find.found] {
            let is_inside = |slot: &Arc<Slot>| group.is_none_or(|group| !Arc::ptr_eq(slot, group));
            let around: Vec<Arc<Slot>> = slot.and_around().take_while(is_inside).collect();
            for slot in &around {
                add(Event::Begin(address(slot)), Event::End(address(slot)));
            }
            for pair in around.windows(2) {
                let (inner, outer) = (address(&pair[0]), address(&pair[1]));
                add(Event::Begin(outer), Event::Begin(inner));
                add(Event::End(inner), Event::End(outer));
            }
        }
    }
    next
}

/// The circles of the graph: events are in the same one if each leads to the other. This is Kosaraju's algorithm,
/// whose time is proportional to the size of the graph: ten thousand services may have found each other.
fn circles(next: &Graph) -> HashMap<Event, usize> {
    let (mut seen, mut by_end) = (HashSet::new(), Vec::new());
    for event in next.keys() {
        visit(next, *event, &mut seen, &mut by_end);
    }
    let mut before = Graph::new();
    for (from, to) in next.iter().flat_map(|(from, all)| all.iter().map(move |to| (*from, *to))) {
        before.entry(to).or_default().insert(from);
    }
    let (mut seen, mut circles) = (HashSet::new(), HashMap::new());
    for (number, event) in by_end.into_iter().rev().enumerate() {
        let mut circle = Vec::new();
        visit(&before, event, &mut seen, &mut circle);
        circles.extend(circle.into_iter().map(|event| (event, number)));
    }
    circles
}

/// Visits all events that come after one and have not been `seen`. Each is added to `by_end` after those that it
/// leads to.
fn visit(next: &Graph, from: Event, seen: &mut HashSet<Event>, by_end: &mut Vec<Event>) {
    let after = |event: &Event| next.get(event).into_iter().flatten().copied();
    let mut way = Vec::new();
    if seen.insert(from) {
        way.push((from, after(&from)));
    }
    while let Some((event, ahead)) = way.last_mut() {
        match ahead.next() {
            Some(event) if seen.insert(event) => way.push((event, after(&event))),
            Some(_) => {}
            None => {
                by_end.push(*event);
                way.pop();
            }
        }
    }
}
