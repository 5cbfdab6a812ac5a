//! Entries of the journal, as a journald receives them that is this test.

use super::super::entry;
use super::super::facility::Facility;
use super::super::journal::Journal;
use super::super::layer::{Log, LogLayer};
use super::super::lost::LostLines;
use super::super::output::Output;
use super::super::sink::Sink;
use super::*;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::io::{IoSliceMut, Read, Seek};
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, error_span, info, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

/// The first lines of an entry of this program's.
const HEAD: &str = "SYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=odes\n";

/// A directory in which somebody listens.
struct Journald {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Journald {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = bind(&directory.path().join("socket"));
        Self { directory, socket }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The same socket, but another one, as after a restart of its unit.
    fn bind_anew(&mut self) {
        fs::remove_file(self.path()).unwrap();
        self.socket = bind(&self.path());
    }

    fn output(&self, format: Format) -> (Arc<Output>, Formatter) {
        let formatter = formatter(format, Style::entry(Facility::Daemon, "odes"));
        let sink = Sink::Journal(Journal::connect(&self.path()).unwrap());
        (Arc::new(Output::new(sink, formatter.clone())), formatter)
    }

    /// Logs, while the log's own thread writes.
    fn log(&self, format: Format, log: impl FnOnce()) {
        let (output, formatter) = self.output(format);
        output.start_thread();
        let open = Log::new(true);
        open.open(Level::TRACE, formatter, output.clone());
        let layer = LogLayer(Arc::new(open));
        tracing::subscriber::with_default(Registry::default().with(layer), log);
        output.flush(LIMIT).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut datagram = vec![0; 1 << 20];
        let length = self.socket.recv(&mut datagram).unwrap();
        datagram.truncate(length);
        datagram
    }

    fn receive_text(&self) -> String {
        String::from_utf8(self.receive()).unwrap()
    }

    /// The datagram, which has to be empty, and the file that came with it.
    fn receive_file(&self) -> fs::File {
        let mut content = [0; 100];
        let mut content = [IoSliceMut::new(&mut content)];
        let mut space = nix::cmsg_space!(RawFd);
        let flags = MsgFlags::empty();
        let message =
            recvmsg::<()>(self.socket.as_raw_fd(), &mut content, Some(&mut space), flags).unwrap();
        assert_eq!(message.bytes, 0);
        let Some(ControlMessageOwned::ScmRights(files)) = message.cmsgs().unwrap().next() else {
            panic!("no file")
        };
        assert_eq!(files.len(), 1);
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        unsafe { fs::File::from_raw_fd(files[0]) }
    }
}

fn bind(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

#[test]
fn an_entry_has_the_line_and_every_value_in_a_field_of_its_own() {
    let journald = Journald::new();
    journald.log(Format::Text, || {
        error_span!("service", path = "night.fast").in_scope(|| {
            let (bytes, peer) = (3003, "[::1]:80");
            info!(bytes, peer, "sending {bytes} bytes to {peer}");
            warn!(cut = true, "too slow");
        });
        error!("stopped");
    });
    let expected = format!(
        "PRIORITY=6\n{HEAD}POETRYD_SERVICE=night.fast\n\
         MESSAGE=[night.fast] sending 3003 bytes to [::1]:80\nBYTES=3003\nPEER=[::1]:80\n"
    );
    assert_eq!(journald.receive_text(), expected);
    let expected = format!(
        "PRIORITY=4\n{HEAD}POETRYD_SERVICE=night.fast\n\
         MESSAGE=[night.fast] warning: too slow cut=true\nCUT=true\n"
    );
    assert_eq!(journald.receive_text(), expected);
    let expected = format!("PRIORITY=3\n{HEAD}MESSAGE=[-] error: stopped\n");
    assert_eq!(journald.receive_text(), expected);
}

#[test]
fn in_json_the_message_is_the_object() {
    let journald = Journald::new();
    journald.log(Format::Json, || info!(bytes = 7, "sent"));
    let message = r#"{"level":"info","service":"-","message":"sent","bytes":7}"#;
    let expected = format!("PRIORITY=6\n{HEAD}MESSAGE={message}\nBYTES=7\n");
    assert_eq!(journald.receive_text(), expected);
}

#[test]
fn a_value_with_control_characters_has_a_length() {
    let journald = Journald::new();
    let value = "=\n\u{1f}MESSAGE=forged\n\0\u{10}J\u{10}\n";
    journald.log(Format::Text, || info!(value, empty = "", after = 1, "x"));
    let shown = value.escape_default();
    let mut expected =
        format!("PRIORITY=6\n{HEAD}MESSAGE=[-] x value={shown} empty= after=1\nVALUE\n");
    expected.push_str("\u{17}\0\0\0\0\0\0\0");
    assert_eq!(value.len(), 0x17);
    expected.push_str(value);
    expected.push_str("\nEMPTY=\nAFTER=1\n");
    assert_eq!(journald.receive_text(), expected);
}

#[test]
fn a_path_can_t_forge_an_entry() {
    let journald = Journald::new();
    let path = "x\nMESSAGE=forged";
    journald.log(Format::Text, || {
        error_span!("service", path = path).in_scope(|| info!("y"));
    });
    let expected = format!(
        "PRIORITY=6\n{HEAD}POETRYD_SERVICE\n\u{10}\0\0\0\0\0\0\0{path}\nMESSAGE=[x\\nMESSAGE=forged] y\n"
    );
    assert_eq!(journald.receive_text(), expected);
}

#[test]
fn only_valid_names_that_are_not_taken_become_fields() {
    let mut out = String::new();
    let longest = "n".repeat(64).leak() as &str;
    let too_long = "n".repeat(65).leak() as &str;
    let names = [
        "good",
        "log.target",
        "_trusted",
        "9th",
        "é",
        "a-b",
        "",
        "priority",
        "message",
        "poetryd_service",
        "syslog_identifier",
        "syslog_facility",
        too_long,
        longest,
        "a9",
    ];
    let fields = names.map(|name| (name, Field::Text("x")));
    entry::append_fields(&EventFields::of("", &fields), &mut out);
    let expected =
        format!("\u{1f}GOOD=x\u{1f}LOG_TARGET=x\u{1f}{}=x\u{1f}A9=x", longest.to_uppercase());
    assert_eq!(out, expected);
}

#[test]
fn an_entry_that_is_too_large_for_a_datagram_is_sent_as_a_file() {
    let journald = Journald::new();
    let text = "x".repeat(1 << 20);
    journald.log(Format::Text, || {
        info!("before");
        info!(more = "a\nb", "{text}");
        info!("after");
    });
    assert!(journald.receive_text().ends_with("MESSAGE=[-] before\n"));
    let mut file = journald.receive_file();
    let seals = fcntl(&file, FcntlArg::F_GET_SEALS).unwrap();
    let expected = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    assert_eq!(SealFlag::from_bits(seals), Some(expected));
    let mut content = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut content).unwrap();
    let length = "\u{3}\0\0\0\0\0\0\0";
    let expected = format!("PRIORITY=6\n{HEAD}MESSAGE=[-] {text} more=a\\nb\nMORE\n{length}a\nb\n");
    assert!(content == expected, "{} bytes instead of {}", content.len(), expected.len());
    assert!(journald.receive_text().ends_with("MESSAGE=[-] after\n"));
}

/// The queue of a socket takes a few hundred datagrams at most.
#[test]
fn the_thread_waits_for_a_journald_that_does_not_read() {
    const LINES: usize = 5_000;
    let journald = Journald::new();
    let (output, _) = journald.output(Format::Text);
    output.start_thread();
    for n in 0..LINES {
        output.write(format!("MESSAGE={n}\n").as_bytes());
    }
    // As long as a write takes that has a limit, and some more.
    assert_eq!(output.flush(Duration::from_millis(1500)), Err(LostLines::Stuck));
    for n in 0..LINES {
        assert_eq!(journald.receive_text(), format!("MESSAGE={n}\n"));
    }
    output.flush(LIMIT).unwrap();
    assert_eq!(output.lines_lost(), 0);
}

#[test]
fn before_there_is_a_thread_nothing_waits_and_nothing_is_lost() {
    const LINES: usize = 2_000;
    let journald = Journald::new();
    let (output, _) = journald.output(Format::Text);
    for n in 0..LINES {
        output.write(format!("MESSAGE={n}\n").as_bytes());
    }
    assert!(matches!(output.flush(Duration::ZERO), Err(LostLines::Unwritten(1..LINES))));
    output.start_thread();
    output.write(format!("MESSAGE={LINES}\n").as_bytes());
    for n in 0..=LINES {
        assert_eq!(journald.receive_text(), format!("MESSAGE={n}\n"));
    }
    output.flush(LIMIT).unwrap();
}

#[test]
fn a_socket_that_was_made_anew_is_found_again() {
    let mut journald = Journald::new();
    let (output, _) = journald.output(Format::Text);
    output.start_thread();
    for n in 0..3 {
        output.write(format!("MESSAGE={n}\n").as_bytes());
        output.flush(LIMIT).unwrap();
        assert_eq!(journald.receive_text(), format!("MESSAGE={n}\n"));
        journald.bind_anew();
    }
    assert_eq!(output.lines_lost(), 0);
}

#[test]
fn what_can_t_get_to_the_journal_is_a_line_with_a_priority() {
    let journald = Journald::new();
    let (_, formatter) = journald.output(Format::Text);
    let mut out = String::new();
    let fields = EventFields::of("no\npoem", &[("bytes", Field::Bare("0"))]);
    let line = Line { time: SystemTime::now(), level: Level::WARN, path: "fast", fields: &fields };
    formatter.write(&line, &mut out);
    assert_eq!(out.matches('\n').count(), 1, "{out:?}");
    let line = entry::line(out.trim_end_matches('\n').as_bytes());
    assert_eq!(String::from_utf8(line).unwrap(), "<4>[fast] warning: no\\npoem bytes=0\n");
}

#[test]
fn it_is_known_whether_journald_has_read_everything() {
    let journald = Journald::new();
    let mut journal = Journal::connect(&journald.path()).unwrap();
    let unread = journal.unread();
    assert!(unread.is_empty());
    assert!(journal.write_lines(b"MESSAGE=1\nMESSAGE=2\n").is_ok());
    for _ in 0..2 {
        assert!(!unread.is_empty());
        journald.receive();
    }
    assert!(unread.is_empty());
    unread.wait();
}
