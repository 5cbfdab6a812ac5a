//! Numbers that each loop counts on its own, and that are added up when somebody reads them.
//!
//! The loops of a server run on several threads. If they all counted in one place, each count would have to fetch
//! its cache line from another core. With a cell for each loop, a count is a load and a store in the core's own
//! cache.

use crate::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

/// The counts of the loops of one address: the same `N` numbers, in one cell for each loop.
///
/// A cell outlives its loop. The loops of the next run continue with the same cells. Cells are only ever added, so that
/// they are read without a lock.
pub(super) struct Cells<const N: usize> {
    first: Link<N>,
    claiming: Mutex<()>,
}

/// The next cell of a list, if there is one.
type Link<const N: usize> = OnceLock<Arc<Cell<N>>>;

/// In its own cache lines, which are 64 bytes long on most processors.
#[repr(align(64))]
struct Cell<const N: usize> {
    numbers: [AtomicU64; N],
    next: Link<N>,
}

/// A loop's cell. Only the loop writes to it, except to the numbers that it leaves to its [tasks](TaskCell).
pub(super) struct LoopCell<const N: usize>(Arc<Cell<N>>);

/// The cell of a loop, for its tasks, which may run on other threads.
pub(super) struct TaskCell<const N: usize>(Arc<Cell<N>>);

impl<const N: usize> Cells<N> {
    /// No cells yet: each loop adds its own.
    pub(super) const fn new() -> Self {
        Self { first: OnceLock::new(), claiming: Mutex::new(()) }
    }

    /// A cell for one loop: one that no loop or task uses any more, or a new one.
    pub(super) fn claim(&self) -> LoopCell<N> {
        let _one_at_a_time = self.claiming.lock();
        let mut link = &self.first;
        while let Some(cell) = link.get() {
            if Arc::strong_count(cell) == 1 {
                // Whoever had it has dropped it: what they have counted is visible from here on.
                fence(Ordering::Acquire);
                return LoopCell(cell.clone());
            }
            link = &cell.next;
        }
        let numbers = [const { AtomicU64::new(0) }; N];
        LoopCell(link.get_or_init(|| Arc::new(Cell { numbers, next: OnceLock::new() })).clone())
    }

    /// The sums over all cells.
    ///
    /// Numbers with a higher index are read before those with lower ones. So if a loop counts something first
    /// with a lower index and later with a higher one, a sum never has the latter without the former.
    pub(super) fn sums(&self) -> [u64; N] {
        let mut sums = [0_u64; N];
        for cell in self.iter() {
            for (sum, number) in sums.iter_mut().zip(&cell.numbers).rev() {
                *sum = sum.wrapping_add(number.load(Ordering::Acquire));
            }
        }
        sums
    }

    fn iter(&self) -> impl Iterator<Item = &Cell<N>> {
        std::iter::successors(self.first.get(), |cell| cell.next.get()).map(|cell| &**cell)
    }
}

impl<const N: usize> LoopCell<N> {
    /// Adds `n` to number `index`, which no task counts: nobody else writes to it.
    pub(super) fn add(&mut self, index: usize, n: u64) {
        let number = &self.0.numbers[index];
        number.store(number.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.0.numbers[index].load(Ordering::Relaxed)
    }

    pub(super) fn for_tasks(&self) -> TaskCell<N> {
        TaskCell(self.0.clone())
    }
}

impl<const N: usize> TaskCell<N> {
    /// Adds `n` to number `index`, which the loop does not count. Several threads may do so at the same time,
    /// which costs more than [`LoopCell::add`].
    pub(super) fn add(&self, index: usize, n: u64) {
        self.0.numbers[index].fetch_add(n, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
