use super::*;
use std::thread;

/// Panics in another thread while `hold` has its result, such as the guard of a lock.
fn panic_with<G>(hold: impl FnOnce() -> G + Send) {
    let panicked = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _guard = hold();
            panic!("on purpose");
        });
        thread.join().is_err()
    });
    assert!(panicked);
}

#[test]
fn a_mutex_is_of_use_after_a_panic() {
    static COUNT: Mutex<u32> = Mutex::new(1);
    panic_with(|| {
        let mut count = COUNT.lock();
        *count += 1;
        count
    });
    assert_eq!(*COUNT.lock(), 2);
}

#[test]
fn a_lock_for_many_readers_is_of_use_after_a_panic() {
    let text = RwLock(sync::RwLock::new(String::from("a")));
    panic_with(|| text.write());
    assert_eq!(*text.read(), "a");
    text.write().push('b');
    assert_eq!(*text.read(), "ab");
}

#[test]
fn waiting_goes_on_after_a_panic_and_is_bounded() {
    let (count, changed) = (Mutex::new(1), Condvar::default());
    panic_with(|| count.lock());
    let guard = changed.wait_timeout_while(count.lock(), Duration::ZERO, |count| *count == 1);
    assert_eq!(*guard, 1);
}
