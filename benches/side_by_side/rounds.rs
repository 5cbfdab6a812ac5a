//! Runs each contender in turn, so that what slows the machine down for a while affects all of them.

use crate::subject::Subject;
use crate::table::Figures;
use std::time::Instant;

/// The number of rounds. One more, the first, is not counted.
pub const ROUNDS: usize = 30;

/// The number of poems in each round.
pub const POEMS: usize = 5_000;

pub fn rounds(mut subjects: Vec<Subject>, deadline: Instant) -> Vec<Figures> {
    let mut figures: Vec<_> = subjects.iter().map(|subject| Figures::new(subject.name())).collect();
    for round in 0..=ROUNDS {
        for (subject, figures) in subjects.iter_mut().zip(&mut figures) {
            let nanoseconds = subject.serve(POEMS, deadline);
            if round > 0 {
                figures.nanoseconds.push(nanoseconds);
            }
        }
    }
    subjects.into_iter().for_each(Subject::stop);
    figures
}
