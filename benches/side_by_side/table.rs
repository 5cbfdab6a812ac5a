//! Processor time per poem, as a table.

use crate::arena::figures::Summary;
use crate::subject::Served;

/// The figures of one contender.
pub struct Figures {
    pub name: &'static str,
    /// Of processor time per poem, one number for each round.
    pub nanoseconds: Vec<f64>,
}

impl Figures {
    pub fn of((name, served): (&'static str, Vec<Served>)) -> Self {
        Self { name, nanoseconds: served.iter().map(Served::nanoseconds_per_poem).collect() }
    }

    pub fn summary(&self) -> Summary {
        Summary::of_numbers(self.nanoseconds.iter().copied())
    }

    /// The ratio to those of another one, round by round.
    fn ratio_to(&self, other: &Self) -> Summary {
        Summary::of_numbers(self.nanoseconds.iter().zip(&other.nanoseconds).map(|(a, b)| a / b))
    }
}

/// The first one is compared with the others.
pub fn print(all: &[Figures]) {
    let first = &all[0];
    println!("  {:<18}{:^27}   {} / it", "", "ns of CPU per poem", first.name);
    println!(
        "  {:<18}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}",
        "", "min", "median", "max", "min", "median", "max"
    );
    for figures in all {
        let Summary { min, median, max } = figures.summary();
        print!("  {:<18}{min:>9.0}{median:>9.0}{max:>9.0}", figures.name);
        let Summary { min, median, max } = first.ratio_to(figures);
        println!("{min:>10.2}{median:>9.2}{max:>9.2}");
    }
}
