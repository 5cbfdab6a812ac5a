use super::*;
use crate::config::{Registry, parse};
use crate::service::Application;

fn read(listener: &str) -> Result<Application, String> {
    let mut registry = Registry::new();
    crate::poetry::register(&mut registry);
    let text = format!(
        "[services.poem]\nkind = \"poem\"\nfile = \"x\"\n\
         [services.quote]\nkind = \"quote\"\n{listener}\n"
    );
    let parsed = parse("quote.toml", &text, &registry, |_| ());
    parsed.map(|(application, ())| application).map_err(|e| e.to_string())
}

fn mistake(listener: &str) -> String {
    read(listener).err().unwrap_or_else(|| panic!("no mistake was found in {listener}"))
}

fn assert_right(listener: &str) {
    assert_eq!(read(listener).err(), None, "{listener}");
}

#[test]
fn port_and_poem_are_enough() {
    assert_right("port = 17\npoem = \"poem\"");
    let mistakes = mistake("");
    assert!(mistakes.contains("needs a key \"port\""), "{mistakes}");
    assert!(mistakes.contains("needs a key \"poem\""), "{mistakes}");
}

#[test]
fn other_machines_are_answered_only_if_that_was_said_in_so_many_words() {
    for interface in ["*", "0.0.0.0", "::", "192.0.2.1", "2001:db8::1"] {
        let listener = format!("interface = \"{interface}\"\nport = 17\npoem = \"poem\"");
        for refused in ["", "allow-reflection = false"] {
            let said = mistake(&format!("{listener}\n{refused}"));
            assert!(said.contains("set allow-reflection = true"), "{interface}: {said}");
            assert!(said.contains("can be reached from other machines"), "{said}");
        }
        assert_right(&format!("{listener}\nallow-reflection = true"));
    }
    for interface in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] {
        assert_right(&format!("interface = \"{interface}\"\nport = 17\npoem = \"poem\""));
    }
}

#[test]
fn a_mistake_in_allow_reflection_is_one_mistake() {
    let said = mistake("interface = \"*\"\nport = 17\npoem = \"poem\"\nallow-reflection = 1");
    assert!(said.contains("expected true or false"), "{said}");
    assert!(!said.contains("other machines"), "{said}");
}

#[test]
fn an_answer_has_a_size_that_a_datagram_can_have() {
    for size in ["1", "65507", "\"1kB\""] {
        assert_right(&format!("port = 17\npoem = \"poem\"\nmax-reply = {size}"));
    }
    for size in ["0", "65508", "\"1MB\"", "true"] {
        let said = mistake(&format!("port = 17\npoem = \"poem\"\nmax-reply = {size}"));
        assert!(said.contains("max-reply: expected a size from 1 to 65507 bytes"), "{said}");
    }
}

#[test]
fn a_rate_is_a_whole_number_and_not_0() {
    assert_right("port = 17\npoem = \"poem\"\nreplies-per-second = 1");
    let said = mistake("port = 17\npoem = \"poem\"\nreplies-per-second = 0");
    assert!(said.contains("expected a whole number from 1 to 1000000"), "{said}");
}

#[test]
fn a_udp_port_and_a_tcp_port_of_one_number_are_two() {
    let tcp = "port = 17\npoem = \"poem\"\n[services.tcp]\nkind = \"tcp\"\nport = 17\n\
               protocol = \"fast\"\npoem = \"poem\"";
    assert_right(tcp);
    let said = mistake(
        "port = 17\npoem = \"poem\"\n[services.two]\nkind = \"quote\"\nport = 17\npoem = \"poem\"",
    );
    assert!(said.contains("quote already listens on "), "{said}");
}

#[test]
fn ports_of_servers_are_not_answered() {
    let quote = Quote::new(PoemHandle::default(), 10017);
    for port in [0, 7, 17, 19, 1023, 10017] {
        assert!(!quote.is_client(port), "{port}");
    }
    for port in [1024, 10018, 65535] {
        assert!(quote.is_client(port), "{port}");
    }
}
