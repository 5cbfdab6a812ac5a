//! The keys that every service has, whatever its kind: what happens when it fails.

use super::section::Section;
use crate::service::{Restart, RestartWhen};
use crate::value::{Value, read};
use std::time::Duration;

/// The highest limit: as many times are remembered.
const HIGHEST_LIMIT: u32 = 1000;

const WHEN: &[(&str, RestartWhen)] = &[
    ("never", RestartWhen::Never),
    ("on-failure", RestartWhen::OnFailure),
    ("always", RestartWhen::Always),
];

const KEYS: [&str; 5] =
    ["restart", "restart-delay", "restart-max-delay", "restart-window", "restart-limit"];

/// Reads the keys of a service's table that say when it is restarted.
pub(super) fn read_restart(section: &mut Section<'_>) -> Restart {
    // Most services have none of them, and there may be ten thousand services.
    if section.has_none_of(&KEYS) {
        return Restart::never();
    }
    let when = section
        .about("When it is started again after it has ended or failed [default: never]")
        .optional("restart", read::one_of(WHEN));
    let first_delay = section.about("The time until its first restart, in seconds; each further wait is twice as long [default: 0.1]").optional("restart-delay", delay);
    let max_delay = section
        .about("The longest such wait, in seconds [default: 30]")
        .optional("restart-max-delay", delay);
    let window = section.about("How long it has to run before its next wait is the first one again, in seconds [default: 60]").optional("restart-window", read::seconds_above_0);
    let limit = section.about("How often it may be restarted within restart-window; beyond that its group has failed [default: no limit]").optional("restart-limit", read::integer(1..=HIGHEST_LIMIT));
    let when_is_known = when.is_some() || !section.has("restart");
    let mut restart = Restart::never();
    restart.when = when.unwrap_or_default();
    if when_is_known && restart.when == RestartWhen::Never {
        refuse_without_restart(section);
    }
    restart.delay = first_delay.unwrap_or(restart.delay);
    restart.max_delay = max_delay.unwrap_or(restart.max_delay.max(restart.delay));
    restart.window = window.unwrap_or(restart.window);
    restart.limit = limit;
    if restart.max_delay < restart.delay {
        let delay = restart.delay.as_secs_f64();
        let message = format!("restart-max-delay: expected at least the restart-delay, {delay} s");
        section.mistake("restart-max-delay", message);
    }
    restart
}

/// Keys without a meaning were meant to have one.
fn refuse_without_restart(section: &mut Section<'_>) {
    for key in &KEYS[1..] {
        if section.has(key) {
            let advice = "set restart = \"on-failure\" or \"always\", too";
            section.mistake(
                key,
                format!("{key} has no effect on a service that is never restarted; {advice}"),
            );
        }
    }
}

fn delay(value: &Value<'_>) -> Result<Duration, String> {
    let shortest = Restart::SHORTEST_DELAY.as_secs_f64();
    let expected = || format!("expected a number of seconds of at least {shortest}");
    read::seconds(value).ok().filter(|delay| *delay >= Restart::SHORTEST_DELAY).ok_or_else(expected)
}
