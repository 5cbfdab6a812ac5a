//! A thousand manifests.

use crate::support::{ECSTASY, Sandbox, fetch};
use crate::{manifest, said, serve, with_manifests, write_manifest};
use std::time::Instant;

#[test]
fn a_thousand_manifests_are_listed_and_the_last_one_runs() {
    let sandbox = Sandbox::new();
    for number in 0..1000 {
        let name = format!("night{number:03}");
        write_manifest(&sandbox, &format!("{name}.toml"), &manifest(&name, "Poems"));
    }
    let start = Instant::now();
    let help = said(with_manifests(&sandbox, &["--help"]));
    println!("--help among 1,000 manifests: {:?}", start.elapsed());
    assert_eq!(help.lines().filter(|line| line.starts_with("  night")).count(), 1000);

    let start = Instant::now();
    said(with_manifests(&sandbox, &["night999", "--help"]));
    println!("night999 --help: {:?}", start.elapsed());

    let start = Instant::now();
    let daemon = serve(&sandbox, &["night999"]);
    println!("night999 until it is ready: {:?}", start.elapsed());
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.stop();
}
