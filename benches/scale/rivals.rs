//! The same figure of several servers, in interleaved rounds.

use crate::arena::figures::Summary;

/// One figure of each server in each round; the first server is the one that the others are compared with.
pub struct Rivals {
    names: Vec<&'static str>,
    rounds: Vec<Vec<f64>>,
}

impl Rivals {
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        let rounds = names.iter().map(|_| Vec::new()).collect();
        Self { names, rounds }
    }

    /// Measures all servers this many times in turn. A round before that is not counted.
    pub fn measure(&mut self, rounds: usize, mut figure: impl FnMut(usize) -> f64) {
        for round in 0..=rounds {
            for (number, figures) in self.rounds.iter_mut().enumerate() {
                let figure = figure(number);
                if round > 0 {
                    figures.push(figure);
                }
            }
        }
    }

    pub fn print(&self, what: &str) {
        println!("  {what:<26}{:>9}{:>9}{:>9}   to {}'s", "median", "min", "max", self.names[0]);
        for (number, (name, figures)) in self.names.iter().zip(&self.rounds).enumerate() {
            let Summary { min, median, max } = Summary::of_numbers(figures.iter().copied());
            let ratio = if number == 0 { String::new() } else { self.ratio(figures) };
            println!("    {name:<24}{median:>9.3}{min:>9.3}{max:>9.3}   {ratio}");
        }
    }

    /// The ratios of the rounds. The figures are the same, as far as these rounds can tell, if they are on both sides
    /// of 1.
    fn ratio(&self, figures: &[f64]) -> String {
        let ratios = figures.iter().zip(&self.rounds[0]).map(|(other, own)| other / own);
        let Summary { min, median, max } = Summary::of_numbers(ratios);
        let equal = if (min..=max).contains(&1.0) { ", equal" } else { "" };
        format!("{median:.2} ({min:.2} to {max:.2}{equal})")
    }
}
