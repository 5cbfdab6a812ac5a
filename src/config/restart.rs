//! The keys that set what happens when a service fails. Every service has them, whatever its kind.

use super::section::Section;
use crate::service::{Restart, RestartWhen};
use crate::value::{Value, read};
use std::time::Duration;

/// The largest limit: the times of this many restarts are remembered.
const HIGHEST_LIMIT: u32 = 1000;

const WHEN: &[(&str, RestartWhen)] = &[
    ("never", RestartWhen::Never),
    ("on-failure", RestartWhen::OnFailure),
    ("always", RestartWhen::Always),
];

const KEYS: [&str; 5] =
    ["restart", "restart-delay", "restart-max-delay", "restart-window", "restart-limit"];

/// Reads the keys that set when a service is restarted.
pub(super) fn read_restart(section: &mut Section<'_>) -> Restart {
    // Most services have none of them, and there may be ten thousand services.
    if section.has_none_of(&KEYS) {
        return Restart::never();
    }
    let when = section
        .about("When it is restarted after it has finished or failed [default: never]")
        .optional("restart", read::one_of(WHEN));
    let first_delay = section.about("The delay before its first restart, in seconds; each further delay is twice as long [default: 0.1]").optional("restart-delay", delay);
    let max_delay = section
        .about("The longest delay, in seconds [default: 30]")
        .optional("restart-max-delay", delay);
    let window = section.about("How long it has to run, in seconds, until its next delay is restart-delay again [default: 60]").optional("restart-window", read::seconds_above_0);
    let limit = section.about("How often it may be restarted within restart-window; after that, its group fails [default: no limit] [example: 5]").optional("restart-limit", read::integer(1..=HIGHEST_LIMIT));
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

/// A key without an effect is a mistake.
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
