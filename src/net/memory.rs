//! Memory that is returned to the system after a crowd of clients.

use crate::service::Workers;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// From this many tasks on, their memory is worth returning: more than a megabyte.
const MANY: usize = 1_000;

/// The tasks of one loop. Notices when most of many tasks, those of all loops together, have ended.
pub(super) struct Crowd {
    all: Arc<All>,
    own: usize,
}

#[derive(Default)]
struct All {
    tasks: AtomicUsize,
    /// The highest number of tasks since memory was last returned.
    most: AtomicUsize,
}

impl Crowd {
    /// The loop has no tasks yet.
    pub(super) fn of(workers: &Workers) -> Self {
        Self { all: workers.shared(), own: 0 }
    }

    /// A task begins.
    pub(super) fn joined(&mut self) {
        self.own += 1;
        self.all.joined();
    }

    /// A task has ended. If most of many tasks have ended by now, their memory is returned to the system.
    pub(super) fn left(&mut self) {
        self.own -= 1;
        if self.all.left() {
            return_memory();
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.all.tasks.fetch_sub(self.own, Ordering::Relaxed);
    }
}

impl All {
    fn joined(&self) {
        let tasks = self.tasks.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(tasks, Ordering::Relaxed);
    }

    /// Returns whether most have ended by now.
    fn left(&self) -> bool {
        let left = self.tasks.fetch_sub(1, Ordering::Relaxed) - 1;
        let have_gone = |most: usize| left <= most / 4 && most - left >= MANY;
        let restart = |most| have_gone(most).then_some(left);
        self.most.fetch_update(Ordering::Relaxed, Ordering::Relaxed, restart).is_ok()
    }
}

/// The GNU C library by itself returns only what is free at the end of its memory, and something that is in use is
/// always near the end after a crowd. musl returns whatever is free.
fn return_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes a number, and may be made at any time on any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(tasks: usize) -> All {
        let all = All::default();
        (0..tasks).for_each(|_| all.joined());
        all
    }

    /// How often memory is returned while the number of tasks falls to zero.
    fn returns(all: &All) -> usize {
        let tasks = all.tasks.load(Ordering::Relaxed);
        (0..tasks).filter(|_| all.left()).count()
    }

    #[test]
    fn memory_is_returned_rarely_and_only_after_many_tasks() {
        for (tasks, expected) in [(900, 0), (2_000, 1), (20_000, 3)] {
            let all = crowd(tasks);
            assert_eq!(returns(&all), expected, "{tasks}");
            (0..900).for_each(|_| all.joined());
            assert_eq!(returns(&all), 0, "after {tasks}");
        }
    }

    #[test]
    fn a_steady_crowd_keeps_its_memory() {
        let all = crowd(5_000);
        for _ in 0..10_000 {
            assert!(!all.left());
            all.joined();
        }
        assert!((1..3_750).all(|_| !all.left()) && all.left() && !all.left());
    }

    #[test]
    fn the_tasks_of_a_loop_that_has_ended_do_not_count() {
        let all = Arc::new(All::default());
        let (mut one, mut other) = (Crowd { all: all.clone(), own: 0 }, Crowd { all, own: 0 });
        (0..1_000).for_each(|_| one.joined());
        (0..1_000).for_each(|_| other.joined());
        one.left();
        assert_eq!(other.all.tasks.load(Ordering::Relaxed), 1_999);
        drop(one);
        assert_eq!(other.all.tasks.load(Ordering::Relaxed), 1_000);
    }
}
