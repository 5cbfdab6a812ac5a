//! Reloads under load: a tenth of what the benchmark `reloads` does.

use crate::load::{drains, quotes, signals, variety};
use std::time::Duration;

/// Poems that don't fit into the buffers of a client and of the server.
const LARGE: usize = 8_000_000;

#[test]
fn nobody_is_refused_reset_or_served_a_part_whatever_a_reload_changes() {
    println!("{}", variety::nobody_loses_anything(50));
}

#[test]
fn slow_readers_get_the_whole_of_one_text_and_the_memory_is_given_back() {
    drains::everybody_gets_one_whole_text(4, 10, LARGE);
}

#[test]
fn a_stop_waits_for_all_that_earlier_reloads_have_left() {
    drains::a_stop_waits_for_all_generations(10, 2, LARGE);
}

#[test]
fn at_the_deadline_of_a_stop_all_that_earlier_reloads_have_left_is_cut_and_counted() {
    drains::at_the_deadline_all_generations_are_cut(10, 2, LARGE);
}

#[test]
fn after_signals_at_random_moments_the_last_text_is_served_and_nothing_more_is_held() {
    let time = Duration::from_secs(3);
    let (tally, figures) = signals::after_the_last_signal_there_is_a_reload(100, time);
    println!("{tally}\n{figures:?}");
}

#[test]
fn no_datagram_is_lost_when_its_service_is_replaced() {
    quotes::every_datagram_is_answered(20);
}
