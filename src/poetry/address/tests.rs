use super::*;

#[test]
fn addresses_are_read_as_people_write_them() {
    let read = |text: &str| text.parse().map(|address: Address| address.to_string());
    assert_eq!(read("10000"), Ok("localhost:10000".into()));
    assert_eq!(read("example.org:17"), Ok("example.org:17".into()));
    assert_eq!(read("[::1]:17"), Ok("[::1]:17".into()));
    for wrong in ["", "0", "poem", "host:", ":17", "::1:17", "host:70000", "a b:17", "[]:17"] {
        assert_eq!(read(wrong), Err(AddressError::Form), "{wrong:?}");
    }
}

#[test]
fn a_host_name_beyond_ascii_is_shown_as_written_and_looked_up_in_ascii() {
    for (written, ascii) in [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("ü_1.example", "xn--_1-wka.example"),
        ("１２７.0.0.1", "127.0.0.1"),
    ] {
        let address: Address = format!("{written}:17").parse().unwrap();
        assert_eq!((address.host(), address.ascii_host()), (written, ascii));
        assert_eq!(address.to_string(), format!("{written}:17"));
    }
}

#[test]
fn a_host_in_ascii_stays_as_it_is() {
    for host in ["EXAMPLE.org", "some_host", "xn--a", "a..b", "-", "10.1"] {
        let address: Address = format!("{host}:17").parse().unwrap();
        assert_eq!(address.ascii_host(), host);
    }
    let address: Address = "[fe80::1%eth0]:17".parse().unwrap();
    assert_eq!(address.ascii_host(), "fe80::1%eth0");
}

#[test]
fn a_host_that_no_name_in_the_dns_can_stand_for_is_refused() {
    for host in ["ü\u{2100}", "ü：1", "ü\u{7f}", "\u{301}a", "ü／x", "ü\u{e000}", "\u{ad}"] {
        let read: Result<Address, _> = format!("{host}:17").parse();
        assert_eq!(read, Err(AddressError::Host), "{host:?}");
    }
}
