use super::*;

fn names_of(addresses: &[&str]) -> Vec<String> {
    names(&addresses.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
}

#[test]
fn a_file_is_named_after_its_server() {
    let names = names_of(&["10000", "example.org:17", "[::1]:17", "bücher.example:17"]);
    let expected =
        ["localhost-10000.txt", "example.org-17.txt", "__1-17.txt", "bücher.example-17.txt"];
    assert_eq!(names, expected);
}

#[test]
fn no_name_leads_out_of_the_directory_or_is_hidden_or_an_option() {
    let names = names_of(&["../../etc/x:1", "/etc/x:1", ".x:1", "-x:1", "..:1", "$x\u{1b};*:1"]);
    let expected =
        ["_._.._etc_x-1.txt", "_etc_x-1.txt", "_x-1.txt", "_x-1-2.txt", "_.-1.txt", "_x___-1.txt"];
    assert_eq!(names, expected);
}

#[test]
fn no_two_servers_share_a_file() {
    let names = names_of(&["1", "1", "localhost-1:2", "1", "a/b:1", "a_b:1"]);
    let expected = [
        "localhost-1.txt",
        "localhost-1-2.txt",
        "localhost-1-2-2.txt",
        "localhost-1-3.txt",
        "a_b-1.txt",
        "a_b-1-2.txt",
    ];
    assert_eq!(names, expected);
}
