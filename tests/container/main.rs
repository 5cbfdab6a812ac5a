//! The container of config/Containerfile: nothing but the static program, an application file and a poem.

mod containerfile;
mod place;
#[path = "../support/mod.rs"]
mod support;

use containerfile::{Containerfile, REPOSITORY};
use nix::sys::signal::Signal;
use place::{Image, children};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use support::{ECSTASY, command, connect, receive, status_of, stderr, stdout, until};

/// The application of config/Containerfile with a poem of 16 MB, which doesn't fit into the buffers of a connection.
fn with_large_poem(image: &Image) -> Vec<u8> {
    let poem: Vec<u8> = (0..2_000_000).flat_map(|n| format!("{n:07}\n").into_bytes()).collect();
    fs::write(image.path("/etc/poetryd/poetry/ecstasy.txt"), &poem).unwrap();
    poem
}

#[test]
fn the_guide_shows_the_containerfile_as_it_is() {
    let page = fs::read_to_string(Path::new(REPOSITORY).join("src/guide/containers.md")).unwrap();
    assert!(page.contains(&format!("```dockerfile\n{}```\n", containerfile::text())));
    let file = Containerfile::read();
    assert_eq!((file.stop_signal.as_str(), file.user), ("SIGTERM", (65534, 65534)));
}

#[test]
#[ignore = "root, musl"]
fn it_serves_the_poem_and_a_stop_signal_ends_it_with_status_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let image = Image::build();
        let container = image.start();
        assert_eq!(status_of(container.init, "NSpid").split_whitespace().last(), Some("1"));
        assert_eq!(status_of(container.init, "Uid"), "65534\t65534\t65534\t65534");
        assert_eq!(status_of(container.init, "Groups"), "");
        assert_eq!(container.fetch(), ECSTASY);
        container.signal(signal);
        let (status, log) = container.wait();
        assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
        assert!(log.last().unwrap().ends_with("[-] stopped cleanly"), "{}", log.join("\n"));
        let is_trouble = |line: &String| line.contains("warning") || line.contains("error");
        assert!(!log.iter().any(is_trouble), "{}", log.join("\n"));
    }
}

#[test]
#[ignore = "root, musl"]
fn a_connection_in_progress_is_finished() {
    let image = Image::build();
    let poem = with_large_poem(&image);
    let container = image.start();
    let mut client = container.within(|| connect(container.address()));
    let mut first = [0];
    client.read_exact(&mut first).unwrap();
    container.signal(Signal::SIGTERM);
    container.wait_for("received SIGTERM");
    let (rest, error) = receive(&mut client);
    assert!(error.is_none() && [&first, &rest[..]].concat() == poem, "{} bytes", rest.len());
    let (status, log) = container.wait();
    assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
}

#[test]
#[ignore = "root, musl"]
fn its_exit_status_says_why_it_did_not_start() {
    let image = Image::build();
    fs::remove_file(image.path("/etc/poetryd/poetry/ecstasy.txt")).unwrap();
    let output = image.run();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("poetry/ecstasy.txt"), "{}", stdout(&output));

    image.write_application("[services.ecstasy]\nkind = \"peom\"\n");
    let output = image.run();
    assert_eq!(output.status.code(), Some(2));
    let mistake = "poetryd.toml:2:8: unknown kind of service \"peom\"; did you mean \"poem\"?\n";
    assert!(stderr(&output).starts_with(mistake), "{}", stderr(&output));

    let mut image = Image::build();
    image.file.entrypoint.truncate(2); // without --pidfile ''
    let output = image.run();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("/etc/poetryd/poetryd.pid: Read-only file system"), "{said}");
    assert!(said.ends_with("; --pidfile names another file, '' means none\n"), "{said}");
}

#[test]
#[ignore = "root, musl"]
fn with_a_control_socket_it_can_be_asked_and_reloaded() {
    // By the user that the container has from the start, or that the daemon becomes.
    for (user, options) in
        [((65534, 65534), &[][..]), ((0, 0), &["--uid", "65534", "--gid", "65534"])]
    {
        let mut image = Image::build().option(&["--control", "/run/poetryd.sock"]).option(options);
        (image.user, image.has_run) = (user, true);
        let container = image.start();
        let ask = |words: &[&str]| {
            let output = container.exec(&[&["--control", "/run/poetryd.sock"], words].concat());
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            stdout(&output)
        };
        let status = ask(&["status"]);
        assert!(status.contains(" is running with pid 1 since "), "{status}");
        assert!(status.contains("3003 bytes from poetry/ecstasy.txt"), "{status}");
        fs::write(image.path("/etc/poetryd/poetry/ecstasy.txt"), "Another one.\n").unwrap();
        let reloaded = ask(&["reload"]);
        assert!(reloaded.contains("13 bytes"), "{reloaded}");
        assert_eq!(container.fetch(), b"Another one.\n");
        container.signal(Signal::SIGTERM);
        assert_eq!(container.wait().0.code(), Some(0));
    }
}

/// As root, so that there is something to give up.
#[test]
#[ignore = "root, musl"]
fn without_a_passwd_file_users_are_numbers() {
    let mut image = Image::build().option(&["--uid", "65534", "--gid", "65533"]);
    image.user = (0, 0);
    let container = image.start();
    assert_eq!(status_of(container.init, "Uid"), "65534\t65534\t65534\t65534");
    assert_eq!(status_of(container.init, "Gid"), "65533\t65533\t65533\t65533");
    assert_eq!(status_of(container.init, "CapPrm"), "0000000000000000");
    assert_eq!(container.fetch(), ECSTASY);

    for (option, file) in [("--uid", "/etc/passwd"), ("--gid", "/etc/group")] {
        let mut image = Image::build().option(&[option, "nobody"]);
        image.user = (0, 0);
        let output = image.run();
        assert_eq!(output.status.code(), Some(2));
        let expected =
            format!(" named \"nobody\" on this machine, which has no {file}: set a number\n");
        assert!(stderr(&output).ends_with(&expected), "{}", stderr(&output));
    }
}

/// The time zone of each line of the log.
fn zones(image: &Image) -> Vec<String> {
    let log = image.start().log();
    assert!(!log.iter().any(|line| line.contains("warning")), "{}", log.join("\n"));
    log.iter().map(|line| line[19..24].to_owned()).collect()
}

#[test]
#[ignore = "root, musl"]
fn local_time_is_that_of_a_zone_file() {
    let zone = Path::new("/usr/share/zoneinfo/Asia/Kathmandu");
    let all_are = |zones: Vec<String>, expected| zones.iter().all(|zone| zone == expected);
    for (name, file) in [("Asia/Kathmandu", zone.to_str().unwrap()), (":/zone", "/zone")] {
        let image = Image::build().variable("TZ", name);
        assert!(all_are(zones(&image), "+0000"), "there is no such file");
        image.copy(zone, file);
        assert!(all_are(zones(&image), "+0545"), "TZ={name}");
    }
    let image = Image::build();
    image.copy(zone, "/etc/localtime");
    assert!(all_are(zones(&image), "+0545"), "/etc/localtime");
}

#[test]
#[ignore = "root, musl"]
fn without_a_hosts_file_localhost_is_known_all_the_same() {
    let image = Image::build();
    let fast = Path::new(REPOSITORY).join("config/fast.toml");
    image.write_application(&fs::read_to_string(fast).unwrap());
    let container = image.start();
    container.wait_for("[fast] listening on 127.0.0.1:10000");
    assert_eq!(container.fetch(), ECSTASY);
}

#[test]
#[ignore = "root, musl"]
fn processes_that_lose_their_parent_do_not_remain() {
    let image = Image::build();
    let container = image.start();
    // The shell enters the container's processes, and ends before what it has started there.
    let mut shell = command("nsenter");
    shell.arg(format!("--target={}", container.init)).args(["--pid", "sh", "-c"]);
    shell.arg("exec 3<&0; read -r line <&3 &").stdin(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let input = shell.stdin.take().unwrap();
    assert!(shell.wait().unwrap().success());
    until("an orphan", || children(container.init).len() == 1);
    drop(input);
    until("the orphan's end", || children(container.init).is_empty());
    assert_eq!(container.fetch(), ECSTASY);
}
