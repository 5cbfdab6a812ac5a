//! Memory that is returned to the system after a crowd of clients.

/// From this many tasks on, their memory is worth returning: more than a megabyte.
const MANY: usize = 1_000;

/// Notices when most of many tasks have ended.
#[derive(Default)]
pub(super) struct Crowd {
    /// The highest number of tasks since memory was last returned.
    most: usize,
}

impl Crowd {
    /// A task has ended, and this many are left. If most of many tasks have ended by now, their memory is returned to
    /// the system.
    pub(super) fn left(&mut self, tasks: usize) {
        if self.has_gone(tasks) {
            return_memory();
        }
    }

    fn has_gone(&mut self, left: usize) -> bool {
        self.most = self.most.max(left + 1);
        let has_gone = left <= self.most / 4 && self.most - left >= MANY;
        if has_gone {
            self.most = left;
        }
        has_gone
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
    use super::Crowd;

    /// How often memory is returned while the number of tasks falls to zero.
    fn returns(crowd: &mut Crowd, tasks: usize) -> usize {
        (0..tasks).rev().filter(|left| crowd.has_gone(*left)).count()
    }

    #[test]
    fn memory_is_returned_rarely_and_only_after_many_tasks() {
        let mut crowd = Crowd::default();
        assert_eq!(returns(&mut crowd, 900), 0);
        assert_eq!(returns(&mut crowd, 2_000), 1);
        assert_eq!(returns(&mut crowd, 900), 0);
        assert_eq!(returns(&mut crowd, 20_000), 3);
        assert_eq!(returns(&mut crowd, 2_000), 1);
    }

    #[test]
    fn a_steady_crowd_keeps_its_memory() {
        let mut crowd = Crowd::default();
        assert_eq!((0..10_000).filter(|_| crowd.has_gone(4_999)).count(), 0);
        assert!(crowd.has_gone(1_250) && !crowd.has_gone(1_249));
    }
}
