use super::*;
use clap::Command;

/// The application that a plugin makes of these words.
fn made(name: &str, words: &[&str]) -> Application {
    let plugins = plugins();
    let maker = plugins.find(name).unwrap();
    let words = [name].into_iter().chain(words.iter().copied());
    let matches = maker.augment(Command::new("")).try_get_matches_from(words).unwrap();
    maker.make(&matches, &MakeContext::new(None)).unwrap()
}

#[test]
fn an_application_that_is_made_anew_of_the_same_options_has_the_same_settings() {
    let options: [(&str, &[&str]); 5] = [
        ("fastpoetry", &["--poem", "a", "--poem2", "b", "--port2", "9"]),
        ("slowpoetry", &["--delay", "0.1"]),
        ("proxy", &["9", "--ttl", "60"]),
        ("transform", &[]),
        ("portforward", &["--to", "localhost:9"]),
    ];
    for (name, words) in options {
        let other_port = [words, &["--port", "17"]].concat();
        let (one, same) = (made(name, words), made(name, words));
        let other = made(name, &other_port);
        let mut differences = 0;
        for service in one.services().names() {
            let kept = one.services().settings(&service).unwrap();
            assert!(kept.same_as(&*same.services().settings(&service).unwrap()), "{name}");
            let differs = !kept.same_as(&*other.services().settings(&service).unwrap());
            differences += usize::from(differs);
        }
        assert_eq!(differences, 1, "{name}: only its listener has the port");
    }
}
