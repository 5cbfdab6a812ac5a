use super::*;

#[test]
fn a_number_is_digits_and_a_newline() {
    for (bytes, content) in [
        (&b""[..], Content::Nothing),
        (b"0\n", Content::Number(0)),
        (b"4194304\n", Content::Number(4_194_304)),
        (b"4294967295\n", Content::Number(u32::MAX)),
        (b"4294967296\n", Content::Other),
        (b"\n", Content::Other),
        (b"1", Content::Other),
        (b"+1\n", Content::Other),
        (b"1\n\n", Content::Other),
        (b"1\n!failed", Content::Number(1)),
        (b"4294967295\n!", Content::Number(u32::MAX)),
        (b"!failed\n", Content::Other),
        (b"1\nfailed\n", Content::Other),
        (b"1!", Content::Other),
    ] {
        assert_eq!(Content::parse(bytes), content, "{:?}", bytes.escape_ascii().to_string());
    }
}
