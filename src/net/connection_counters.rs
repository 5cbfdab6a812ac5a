//! The counters of the connections to one address.

use super::cells::{Cells, LoopCell, TaskCell};
use crate::service::{Counters, Sample};

// The numbers of a cell. What is counted first has the lower index: see `Cells::sums`.
const OPENED: usize = 0;
const COMPLETED: usize = 1;
const FAILED: usize = 2;
const SENT: usize = FAILED + Failure::ALL.len();
const RECEIVED: usize = SENT + 1;
/// The counts of tasks that were ended from outside.
const SENT_BEFORE_END: usize = SENT + 2;
const RECEIVED_BEFORE_END: usize = SENT + 3;
const NUMBERS: usize = SENT + 4;

/// The counters of one listening socket's address.
pub(super) struct ConnectionCounters {
    address: String,
    cells: Cells<NUMBERS>,
}

/// The counters of one accept loop. Each connection that it has opened ends as completed or failed: those that
/// are left when this is dropped were cut.
pub(super) struct ConnectionCount(LoopCell<NUMBERS>);

/// How many bytes a connection has sent and received in a task of its own. The loop
/// [counts](ConnectionCount::bytes) them when the task has ended. If this is dropped before, with a task that
/// panicked or was cut, they are counted, too.
pub(super) struct Traffic {
    cell: TaskCell<NUMBERS>,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// Why a connection has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The client reset it, or the network lost it, before anything was sent.
    Gone,
    /// The same, after something or everything had been sent.
    Reset,
    /// The client read nothing for the write timeout.
    Timeout,
    /// The protocol returned an error, or panicked.
    Protocol,
    /// The system did not have enough memory.
    System,
    /// It was not finished when its server had to stop.
    Cut,
}

impl Failure {
    /// In the order of their numbers in a cell.
    const ALL: [(Failure, &'static str); 6] = [
        (Failure::Gone, "gone"),
        (Failure::Reset, "reset"),
        (Failure::Timeout, "timeout"),
        (Failure::Protocol, "protocol"),
        (Failure::System, "system"),
        (Failure::Cut, "cut"),
    ];

    /// How a connection has failed whose socket reports an error, after this many bytes.
    pub(super) fn of_socket(sent: u64) -> Self {
        if sent == 0 { Failure::Gone } else { Failure::Reset }
    }
}

impl ConnectionCounters {
    pub(super) fn new(address: String) -> Self {
        Self { address, cells: Cells::new() }
    }

    /// The counters of one accept loop.
    pub(super) fn count(&self) -> ConnectionCount {
        ConnectionCount(self.cells.claim())
    }
}

impl Counters for ConnectionCounters {
    fn read(&self) -> Vec<Sample> {
        let sums = self.cells.sums();
        let failed: u64 =
            Failure::ALL.iter().map(|(failure, _)| sums[FAILED + *failure as usize]).sum();
        let open = sums[OPENED].saturating_sub(sums[COMPLETED]).saturating_sub(failed);
        let (sent, received) =
            (sums[SENT] + sums[SENT_BEFORE_END], sums[RECEIVED] + sums[RECEIVED_BEFORE_END]);
        let mut samples = vec![
            Sample::counter("connections_opened", "Connections accepted.", sums[OPENED]),
            Sample::gauge("connections_open", "Connections that have not ended yet.", open),
            Sample::counter(
                "connections_completed",
                "Connections on which everything was sent and that were closed normally.",
                sums[COMPLETED],
            ),
        ];
        samples.extend(Failure::ALL.map(|(failure, reason)| {
            let help = "Connections that ended in another way, by reason.";
            let failed = sums[FAILED + failure as usize];
            Sample::counter("connections_failed", help, failed).label("reason", reason)
        }));
        samples.push(Sample::counter("sent_bytes", "Bytes sent to clients.", sent));
        samples.push(Sample::counter(
            "received_bytes",
            "Bytes that protocols have received from clients.",
            received,
        ));
        samples.into_iter().map(|sample| sample.label("address", &*self.address)).collect()
    }

    fn version(&self) -> Option<u64> {
        Some(self.cells.sums().iter().fold(0, |sum, number| sum.wrapping_add(*number)))
    }
}

impl ConnectionCount {
    pub(super) fn opened(&mut self) {
        self.0.add(OPENED, 1);
    }

    /// Records how a connection has ended.
    pub(super) fn ended(&mut self, end: Result<(), Failure>) {
        match end {
            Ok(()) => self.0.add(COMPLETED, 1),
            Err(failure) => self.0.add(FAILED + failure as usize, 1),
        }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.0.add(SENT, bytes as u64);
    }

    /// Adds what a task has counted.
    pub(super) fn bytes(&mut self, mut traffic: Traffic) {
        self.0.add(SENT, std::mem::take(&mut traffic.sent));
        self.0.add(RECEIVED, std::mem::take(&mut traffic.received));
    }

    /// For a task that continues after this many bytes have been sent.
    pub(super) fn traffic(&self, sent: usize) -> Traffic {
        Traffic { cell: self.0.for_tasks(), sent: sent as u64, received: 0 }
    }
}

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        let ended = (COMPLETED..SENT).map(|index| self.0.get(index)).fold(0, u64::wrapping_add);
        let open = self.0.get(OPENED).wrapping_sub(ended);
        self.0.add(FAILED + Failure::Cut as usize, open);
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        let left = [(SENT_BEFORE_END, self.sent), (RECEIVED_BEFORE_END, self.received)];
        for (index, bytes) in left.into_iter().filter(|(_, bytes)| *bytes > 0) {
            self.cell.add(index, bytes);
        }
    }
}

#[cfg(test)]
mod tests;
