use super::*;

struct Pair(u64, u64);

impl Counters for Pair {
    fn read(&self) -> Vec<Sample> {
        vec![
            Sample::counter("sent", "Bytes.", self.0).label("to", "a"),
            Sample::gauge("open", "Now.", self.1),
        ]
    }
}

#[test]
fn a_counter_of_the_same_name_goes_on_counting() {
    let counted = Counted::default();
    counted.counter("hits", "Answers.").add(2);
    counted.counter("hits", "Answers.").add(3);
    counted.counter("misses", "None.").add(1);
    let read: Vec<(String, u64)> =
        counted.read().into_iter().map(|sample| (sample.name, sample.value)).collect();
    assert_eq!(read, [("hits".into(), 5), ("misses".into(), 1)]);
}

#[test]
fn counters_of_another_type_take_the_place_of_those_with_their_name() {
    let counted = Counted::default();
    counted.counter("traffic", "Bytes.").add(7);
    let pair = counted.group("traffic", || Pair(1, 2));
    assert!(Arc::ptr_eq(&pair, &counted.group("traffic", || Pair(8, 9))));
    let read = counted.read();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].labels, [("to", "a".to_owned())]);
    assert_eq!((read[1].kind, read[1].value), (SampleKind::Gauge, 2));
}
