use super::*;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::io::Write;

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_fifo_that_nobody_writes_to_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let error = read_whole(open(&fifo).unwrap(), SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "nothing has arrived within 0.05 seconds");
}

#[test]
fn what_does_not_end_is_given_up() {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"name = ").unwrap();
    let error = read_whole(reader, SHORT).unwrap_err();
    assert_eq!(error.to_string(), "it has not ended within 0.05 seconds");
}

#[test]
fn what_comes_in_parts_is_read_whole() {
    let (reader, mut writer) = io::pipe().unwrap();
    let writing = std::thread::spawn(move || {
        for _ in 0..1000 {
            writer.write_all(&[b'x'; 1000]).unwrap();
        }
    });
    assert_eq!(read_whole(reader, READ_TIMEOUT).unwrap().len(), 1_000_000);
    writing.join().unwrap();
}

#[test]
fn what_is_too_long_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(LONGEST_TEXT + 1).unwrap();
    for refused in [open(file.path()).err(), read_whole(file.as_file(), READ_TIMEOUT).err()] {
        assert_eq!(refused.unwrap().to_string(), "it is longer than 64 MiB");
    }
}
