use super::*;

fn size(rows: usize, columns: usize) -> Size {
    Size { rows, columns }
}

#[test]
fn each_line_is_cleared_from_its_end_and_the_screen_below_the_text() {
    assert_eq!(frame("a\nbc\n", size(3, 10)), "\x1b[Ha\x1b[K\r\nbc\x1b[K\r\n\x1b[J");
}

#[test]
fn a_full_line_and_a_full_screen_are_overwritten_whole() {
    let full = "\x1b[32mab\x1b[0mc";
    assert_eq!(frame(&format!("a\n{full}\n"), size(2, 3)), format!("\x1b[Ha\x1b[K\r\n{full}"));
}

#[test]
fn what_does_not_fit_is_counted() {
    let text = "a\nb\nc\nd\n";
    let with = |rest: &str| format!("\x1b[Ha\x1b[K\r\n{rest}");
    assert_eq!(frame(text, size(2, 80)), with("... and 3 more\x1b[K"));
    assert_eq!(frame(text, size(3, 5)), with("b\x1b[K\r\n... …"));
    assert_eq!(frame(text, size(1, 80)), "\x1b[Ha\x1b[K");
    assert!(!frame(text, size(4, 80)).contains("more"));
}

#[test]
fn a_file_has_the_usual_size() {
    assert_eq!(super::size(&tempfile::tempfile().unwrap()), USUAL_SIZE);
}
