//! Services that a reload leaves as somebody else has left them: added or stopped while the tree was running.

use super::reloading::{Maker, managed, paths, reload, started, tree};
use super::*;
use crate::service::ServicePath;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn one_that_was_added_while_running_is_left_alone_or_started_again() {
    let m = Maker::default();
    let with_poem = |poem| tree([("other", managed(m.part(9))), ("poem", managed(m.part(poem)))]);
    let mut running = started(with_poem(1)).await;
    let root = ServicePath::root();
    running.tree().add(&root, "alone", m.part(4)).await.unwrap();
    running.tree().add(&root, "user", m.user(5, &["poem"])).await.unwrap();
    m.record.take();
    let report = reload(&running, with_poem(2)).await.unwrap();
    assert_eq!((paths(&report.restarted), paths(&report.replaced)), (vec!["user"], vec!["poem"]));
    let record = m.record.take();
    assert!(record.contains(&"user 5 finds poem 2".into()), "{record:?}");
    assert!(!record.iter().any(|entry| entry.contains("alone") || entry.contains("other")));
    assert_eq!(running.tree().list().len(), 4);
    running.stop(soon()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_by_its_path_stays_stopped() {
    let m = Maker::default();
    let with = |a, b| tree([("a", managed(m.part(a))), ("b", managed(m.part(b)))]);
    let mut running = started(with(1, 2)).await;
    for path in ["a", "b"] {
        running.tree().stop(&path.parse().unwrap(), Default::default()).await.unwrap();
    }
    m.record.take();
    reload(&running, with(1, 3)).await.unwrap();
    assert_eq!(m.record.take(), Vec::<String>::new());
    running.tree().start(&"b".parse().unwrap()).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(m.record.take(), ["start b 3", "open b 3"]);
    running.stop(soon()).await.unwrap();
}
