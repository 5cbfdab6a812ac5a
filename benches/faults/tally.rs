//! What was sent and what was lost.

#[derive(Default)]
pub struct Tally {
    sent: Vec<(String, usize)>,
    lost: Vec<(String, usize)>,
    notes: Vec<String>,
}

impl Tally {
    pub fn sent(&mut self, what: impl Into<String>, count: usize) {
        self.sent.push((what.into(), count));
    }

    /// Counts something that should not happen.
    pub fn lost(&mut self, what: impl Into<String>, count: usize) {
        self.lost.push((what.into(), count));
    }

    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    pub fn is_clean(&self) -> bool {
        self.lost.iter().all(|(_, count)| *count == 0)
    }

    pub fn print(&self) {
        for (title, rows) in [("sent", &self.sent), ("lost", &self.lost)] {
            println!("{title}");
            rows.iter().for_each(|(what, count)| println!("  {what:<58}{count:>10}"));
        }
        self.notes.iter().for_each(|note| println!("{note}"));
    }
}
