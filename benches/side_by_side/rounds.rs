//! Runs each contender in turn, so that what slows the machine down for a while affects all of them.

use crate::subject::{Served, Subject};
use std::time::Instant;

/// How many rounds of each measurement there are, unless `--rounds` says otherwise. One more, the first, is
/// not counted.
pub const OF_CPU: usize = 30;
pub const OF_CROWDS: usize = 20;

/// Stops the subjects at the end. Returns what each has served, round by round. Each round begins with another
/// one of them, so that none has always the same predecessor at the beginning.
pub fn rounds(mut subjects: Vec<Subject>, number: usize, deadline: Instant) -> Vec<Vec<Served>> {
    let mut served: Vec<_> = subjects.iter().map(|_| Vec::with_capacity(number)).collect();
    for round in 0..=number {
        for n in 0..subjects.len() {
            let which = (n + round) % subjects.len();
            let now = subjects[which].serve(deadline);
            if round > 0 {
                served[which].push(now);
            }
        }
    }
    subjects.into_iter().for_each(Subject::stop);
    served
}
