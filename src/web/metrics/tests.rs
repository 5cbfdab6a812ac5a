//! Names, formats, and that what is kept from one scrape to the next is what would be made anew.

use super::encode::Lines;
use super::families::{Families, Family};
use super::format::Format;
use super::heads::Heads;
use super::services::Services;
use crate::service::{
    Application, Context, Counters, IfFound, Resources, Sample, SampleKind, ServiceFn, ServicePath,
    Tree, Workers,
};
use crate::sync::Mutex;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn name_of(name: &str, kind: SampleKind) -> (String, Option<&'static str>) {
    let family = Family::new(name, kind, "Help.");
    (family.name, family.unit)
}

#[test]
fn names_are_those_that_prometheus_allows_with_their_units_apart() {
    let cases = [
        ("poetryd_hits", ("poetryd_hits", None)),
        ("poetryd_hits_total", ("poetryd_hits", None)),
        ("poetryd_sent_bytes", ("poetryd_sent", Some("bytes"))),
        ("poetryd_sent_bytes_total", ("poetryd_sent", Some("bytes"))),
        ("poetryd_time_seconds", ("poetryd_time", Some("seconds"))),
        ("poetryd_requests per.second", ("poetryd_requests_per_second", None)),
        ("poetryd_megabytes", ("poetryd_megabytes", None)),
        ("poetryd_a__bytes", ("poetryd_a", Some("bytes"))),
        ("poetryd_\u{e9}\u{1f4a1}", ("poetryd___", None)),
    ];
    for (name, (expected, unit)) in cases {
        assert_eq!(name_of(name, SampleKind::Counter), (expected.to_owned(), unit), "{name}");
    }
}

fn in_families(families: &mut Families, sample: Sample) -> bool {
    families.of_service(&"a".parse::<ServicePath>().unwrap(), sample).is_some()
}

#[test]
fn a_name_has_one_type_and_labels_have_different_names() {
    let mut families = Families::default();
    families.of_process("poetryd_ready", SampleKind::Gauge, "Ready.");
    assert!(in_families(&mut families, Sample::counter("hits", "Hits.", 1)));
    assert!(in_families(&mut families, Sample::counter("hits_total", "Others.", 1)));
    assert!(!in_families(&mut families, Sample::gauge("hits", "Hits.", 1)));
    assert!(!in_families(&mut families, Sample::gauge("ready", "Ready.", 1)));
    let same = Sample::gauge("labels", "x", 1).label("a.b", "1").label("a-b", "1");
    assert!(!in_families(&mut families, same));
    let own = Sample::gauge("labels", "x", 1).label("service", "1").label("own_service", "2");
    assert!(!in_families(&mut families, own));
}

#[test]
fn the_head_has_what_each_format_wants() {
    let mut families = Families::default();
    let help = "A \\ and a \"quote\"\nand poetryd_sent_bytes too.";
    let family = families.of_process("poetryd_sent_bytes", SampleKind::Counter, help).unwrap();
    let head = |families: &mut Families, format| {
        String::from_utf8(Heads::default().of(family, families, format).to_vec()).unwrap()
    };
    assert_eq!(
        head(&mut families, Format::Prometheus),
        "# HELP poetryd_sent_bytes_total A \\\\ and a \"quote\"\\nand poetryd_sent_bytes too.\n# TYPE poetryd_sent_bytes_total counter\n"
    );
    assert_eq!(
        head(&mut families, Format::OpenMetrics),
        "# HELP poetryd_sent_bytes A \\\\ and a \\\"quote\\\"\\nand poetryd_sent_bytes too.\n# TYPE poetryd_sent_bytes counter\n# UNIT poetryd_sent_bytes bytes\n"
    );
}

#[test]
fn the_format_is_the_one_with_the_higher_quality() {
    let open_metrics = [
        "application/openmetrics-text",
        "Application/OpenMetrics-Text;version=1.0.0",
        "text/plain;q=0.5, application/openmetrics-text;q=0.5",
        "application/openmetrics-text; Q = 0.9, */*; q=0.8",
        "application/openmetrics-text;q=0.1,text/plain;q=0",
    ];
    for accept in open_metrics {
        assert_eq!(Format::preferred(accept), Format::OpenMetrics, "{accept}");
    }
    let prometheus = [
        "",
        "*/*",
        "text/plain",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.4, text/*;q=0.5",
        "application/openmetrics-text;q=0.4, */*",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text-x",
        ";;;,,,;q=1",
    ];
    for accept in prometheus {
        assert_eq!(Format::preferred(accept), Format::Prometheus, "{accept}");
    }
}

/// Counters whose values a test sets.
struct Set(Arc<Mutex<Vec<u64>>>);

impl Counters for Set {
    fn read(&self) -> Vec<Sample> {
        let numbers = self.0.lock();
        let sample = |(index, number): (usize, &u64)| {
            Sample::counter("numbers", "x", *number).label("index", index.to_string())
        };
        numbers.iter().enumerate().map(sample).collect()
    }

    fn version(&self) -> Option<u64> {
        Some(self.0.lock().iter().sum())
    }
}

type Numbers = Arc<Mutex<Vec<u64>>>;

fn service(numbers: &Numbers) -> ServiceFn {
    let numbers = numbers.clone();
    ServiceFn::new(move |cx: Context| {
        let numbers = numbers.clone();
        async move {
            cx.counters("set", || Set(numbers));
            cx.closing().await;
            Ok(())
        }
    })
}

fn text_of(lines: impl Iterator<Item = Lines>) -> Vec<(usize, Vec<u8>)> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for Lines { family, text } in lines {
        all.resize_with(all.len().max(family + 1), Vec::new);
        all[family].extend_from_slice(&text);
    }
    all.into_iter().enumerate().collect()
}

/// What a scrape with nothing kept would be.
fn afresh(tree: &Tree, families: &mut Families) -> Vec<(usize, Vec<u8>)> {
    let mut services = Services::default();
    services.update(&tree.entries(), families);
    text_of(services.lines())
}

#[derive(Clone, Debug)]
enum Step {
    Count(usize, usize),
    Restart(usize),
    Remove(usize),
    Add(usize),
    Scrape,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let service = 0..20_usize;
    prop::collection::vec(
        prop_oneof![
            (service.clone(), 0..3_usize)
                .prop_map(|(service, number)| Step::Count(service, number)),
            service.clone().prop_map(Step::Restart),
            service.clone().prop_map(Step::Remove),
            service.prop_map(Step::Add),
            Just(Step::Scrape),
        ],
        1..40,
    )
}

async fn kept_is_fresh(steps: Vec<Step>) {
    let numbers: Vec<Numbers> = (0..20).map(|_| Arc::new(Mutex::new(vec![0; 3]))).collect();
    let mut application = Application::new("test");
    let tree = application.tree().clone();
    for (index, numbers) in numbers.iter().enumerate().take(10) {
        application.add(format!("s{index}"), service(numbers)).unwrap();
    }
    application.start(&Resources::new(), Workers::current()).await.unwrap();
    let (mut families, mut services) = (Families::default(), Services::default());
    for step in steps {
        let path = |index: usize| format!("s{index}").parse::<ServicePath>().unwrap();
        let root = ServicePath::root();
        match step {
            Step::Count(service, number) => numbers[service].lock()[number] += 1,
            Step::Restart(index) => drop(tree.restart(&path(index)).await),
            Step::Remove(index) => drop(tree.remove(&path(index), IfFound::Refuse).await),
            Step::Add(index) => {
                drop(tree.add(&root, format!("s{index}"), service(&numbers[index])).await);
            }
            Step::Scrape => {
                services.update(&tree.entries(), &mut families);
                assert_eq!(text_of(services.lines()), afresh(&tree, &mut families));
            }
        }
    }
    services.update(&tree.entries(), &mut families);
    assert_eq!(text_of(services.lines()), afresh(&tree, &mut families));
    application.stop(Instant::now() + Duration::from_secs(10)).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn lines_that_are_kept_are_those_that_would_be_made_anew(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(kept_is_fresh(steps));
    }
}
