//! The counters of the datagrams to one address.

use super::cells::{Cells, LoopCell};
use crate::service::{Counters, Sample};

// The numbers of a cell. What is counted first has the lower index: see `Cells::sums`.
const DATAGRAMS: usize = 0;
const ANSWERED: usize = 1;
const UNANSWERED: usize = 2;
const SENT: usize = UNANSWERED + Unanswered::ALL.len();
const RECEIVED: usize = SENT + 1;
const NUMBERS: usize = SENT + 2;

/// The counters of one socket's address.
pub(super) struct DatagramCounters {
    address: String,
    cells: Cells<NUMBERS>,
}

/// The counters of one loop.
pub(super) struct DatagramCount(LoopCell<NUMBERS>);

/// Why a datagram got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Its source asks more often than it is allowed to.
    Rate,
    /// So many other sources are asking that this one could not be remembered.
    Crowd,
    /// The responder has no answer to it.
    Refused,
    /// The responder panicked.
    Responder,
    /// The system could not send the answer.
    System,
}

impl Unanswered {
    /// In the order of their numbers in a cell.
    const ALL: [(Unanswered, &'static str); 5] = [
        (Unanswered::Rate, "rate"),
        (Unanswered::Crowd, "crowd"),
        (Unanswered::Refused, "refused"),
        (Unanswered::Responder, "responder"),
        (Unanswered::System, "system"),
    ];
}

impl DatagramCounters {
    pub(super) fn new(address: String) -> Self {
        Self { address, cells: Cells::new() }
    }

    /// The counters of one loop.
    pub(super) fn count(&self) -> DatagramCount {
        DatagramCount(self.cells.claim())
    }
}

impl Counters for DatagramCounters {
    fn read(&self) -> Vec<Sample> {
        let sums = self.cells.sums();
        let mut samples = vec![
            Sample::counter("datagrams_received", "Datagrams received.", sums[DATAGRAMS]),
            Sample::counter("datagrams_answered", "Datagrams answered.", sums[ANSWERED]),
        ];
        samples.extend(Unanswered::ALL.map(|(why, reason)| {
            let help = "Datagrams that were not answered, by reason.";
            let unanswered = sums[UNANSWERED + why as usize];
            Sample::counter("datagrams_unanswered", help, unanswered).label("reason", reason)
        }));
        samples.push(Sample::counter("sent_bytes", "Bytes of all answers.", sums[SENT]));
        let help = "Bytes of all datagrams received.";
        samples.push(Sample::counter("received_bytes", help, sums[RECEIVED]));
        samples.into_iter().map(|sample| sample.label("address", &*self.address)).collect()
    }

    fn version(&self) -> Option<u64> {
        Some(self.cells.sums().iter().fold(0, |sum, number| sum.wrapping_add(*number)))
    }
}

impl DatagramCount {
    /// Counts a datagram with this many bytes, and the bytes of its answer.
    pub(super) fn datagram(&mut self, received: usize, answer: Result<usize, Unanswered>) {
        self.0.add(DATAGRAMS, 1);
        self.0.add(RECEIVED, received as u64);
        match answer {
            Ok(sent) => {
                self.0.add(ANSWERED, 1);
                self.0.add(SENT, sent as u64);
            }
            Err(why) => self.0.add(UNANSWERED + why as usize, 1),
        }
    }
}
