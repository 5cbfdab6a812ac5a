//! Which format a client gets, and requests that are sent in unusual ways.

use crate::http::{Answer, ask, get, metrics_as, place, request, sent};
use crate::support::Sandbox;
use crate::{start, text};
use std::io::Write;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn the_format_is_the_one_that_the_client_prefers() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let prometheus_2 = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let cases = [
        (Some(prometheus_3), OPEN_METRICS),
        (Some(prometheus_2), OPEN_METRICS),
        (Some("text/plain;version=0.0.4"), PROMETHEUS),
        (Some("text/plain, application/openmetrics-text;q=0.1"), PROMETHEUS),
        (Some("text/html,application/xhtml+xml,*/*;q=0.8"), PROMETHEUS),
        (Some("*/*"), PROMETHEUS),
        (Some("application/openmetrics-text;q=0"), PROMETHEUS),
        (Some("a/b;;q=x,,,;q=;\u{7f}"), PROMETHEUS),
        (Some(""), PROMETHEUS),
        (None, PROMETHEUS),
    ];
    for (accept, expected) in cases {
        let line = accept.map(|accept| format!("Accept: {accept}\r\n")).unwrap_or_default();
        let answer = ask(address, &request("/metrics", "localhost", &line));
        if answer.status == 400 && accept.is_some_and(|accept| accept.contains('\u{7f}')) {
            continue; // it is not a header at all
        }
        assert_eq!(answer.header("content-type"), Some(expected.to_ascii_lowercase()).as_deref());
        assert_eq!(answer.header("vary"), Some("accept"));
        let values = match expected {
            OPEN_METRICS => text::open_metrics(&answer.ok()),
            _ => text::prometheus(&answer.ok()),
        };
        assert_eq!(text::one(&values, "poetryd_ready", &[]), 1.0);
    }
    let two = "Accept: text/plain;q=0.2\r\nAccept: application/openmetrics-text\r\n";
    let answer = ask(address, &request("/metrics", "localhost", two));
    assert_eq!(answer.header("content-type"), Some(OPEN_METRICS));
    daemon.stop();
}

pub fn a_body_and_pieces_and_pipelines_do_no_harm() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "");
    let address = place(&daemon);
    let whole = request("/healthz", "localhost", "Content-Length: 5\r\n") + "hello";
    assert_eq!(ask(address, &whole).ok(), "ok\n");
    // One that announces a body and never sends it is answered, too.
    assert_eq!(ask(address, &whole[..whole.len() - 3]).ok(), "ok\n");
    let chunked =
        request("/healthz", "localhost", "Transfer-Encoding: chunked\r\n") + "2\r\nhi\r\n0\r\n\r\n";
    assert_eq!(ask(address, &chunked).ok(), "ok\n");
    let expecting = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    assert_eq!(ask(address, &request("/healthz", "localhost", expecting)).ok(), "ok\n");
    // A pipeline has one answer, which says that it is the last.
    let one = request("/healthz", "localhost", "");
    let answer = ask(address, &one.repeat(20));
    assert_eq!((answer.header("connection"), &*answer.body), (Some("close"), "ok\n"));
    let mut stream = sent(address, b"").unwrap();
    stream.set_nodelay(true).unwrap();
    one.bytes().for_each(|byte| stream.write_all(&[byte]).unwrap());
    assert_eq!(Answer::read(stream).ok(), "ok\n");
    assert_eq!(get(address, "/readyz").ok(), "ready\n");
    text::open_metrics(&metrics_as(address, "application/openmetrics-text"));
    daemon.stop();
}
