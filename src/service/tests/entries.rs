//! Entries of the table of states.

use super::*;
use crate::service::{IfFound, ServiceFn, ServicePath, Watch};

fn counting(numbers: &[&'static str]) -> ServiceFn {
    let numbers = numbers.to_vec();
    ServiceFn::new(move |cx: Context| {
        numbers.iter().for_each(|name| drop(cx.counter(name, "A number.")));
        async move {
            cx.closing().await;
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn another_service_is_seen_even_if_its_memory_is_the_same() {
    let mut application = Application::new("test");
    start(&mut application).await.unwrap();
    let (tree, mut watch) = (application.tree().clone(), Watch::default());
    for round in 0..100 {
        let name = if round % 4 < 2 { "a" } else { "b" };
        let path: ServicePath = name.parse().unwrap();
        let numbers: &[_] = [&[][..], &["hits"], &["misses"]][round % 3];
        tree.add(&ServicePath::root(), name, counting(numbers)).await.unwrap();
        assert!(watch.sees_another(&tree.entries()[0]), "round {round}");
        assert!(!watch.sees_another(&tree.entries()[0]), "round {round}");
        tree.remove(&path, IfFound::Refuse).await.unwrap();
    }
}
