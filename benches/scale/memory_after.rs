//! What memory a daemon keeps when much work is over.

use crate::arena::contenders::{Contender, POEM, free_ports};
use crate::arena::figures::kilobytes;
use crate::arena::processes::{Daemon, fetch, until};
use crate::held::{connect_all, descriptors};
use crate::weights::Weights;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

/// How many requests of [`REQUEST`] bytes are answered at once.
const REQUESTS: usize = 12;
const REQUEST: usize = 15_900_000;

/// How many clients do not read a poem of [`LARGE`] bytes.
const READERS: usize = 8_000;
const LARGE: usize = 4 << 20;

/// Descriptors for everything but the open connections.
const SPARE: usize = 250;

pub fn measure() {
    let (_contender, daemon, transform) = launch();
    assert!(fetch(daemon.address).is_ok_and(|poem| poem.len() == LARGE));
    let readers = READERS.min(descriptors().saturating_sub(SPARE));
    println!("memory of one daemon when much work is over, in kB");
    println!("  {:<40}{:>11}{:>11}", "", "anonymous", "VmRSS");
    show(&daemon, "idle");
    for round in ["first", "second"] {
        thread::scope(|scope| {
            (0..REQUESTS).for_each(|_| _ = scope.spawn(move || transform_one(transform)));
        });
        show(&daemon, &format!("after {REQUESTS} transforms, {round} time"));
    }
    let peak = kilobytes(&format!("/proc/{}/status", daemon.pid), "VmHWM");
    for round in ["first", "second"] {
        let open = || fs::read_dir(format!("/proc/{}/fd", daemon.pid)).unwrap().count();
        let before = open();
        let clients = connect_all(daemon.address, readers);
        show(&daemon, &format!("with {readers} slow readers, {round} time"));
        drop(clients);
        until("the end of all connections", || open() <= before);
        show(&daemon, &format!("after {readers} slow readers, {round} time"));
    }
    daemon.stop();
    println!(
        "(each when it no longer changes. Each transform: a request and an answer of {REQUEST} bytes; at the peak, \
         VmRSS was\n {peak} kB. Each reader has taken the first bytes of a poem of {LARGE} bytes.)"
    );
}

fn launch() -> (Contender, Daemon, SocketAddr) {
    let [port, transform] = free_ports();
    let contender = Contender::new("poetryd", "poetryd.pid", port);
    contender.write("small.txt", POEM);
    contender.write("large.txt", vec![b'x'; LARGE]);
    contender.write(
        "after.toml",
        format!(
            "[services.small]\nkind = \"poem\"\nfile = \"small.txt\"\n\
             [services.large]\nkind = \"poem\"\nfile = \"large.txt\"\n\
             [services.transform]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {transform}\n\
             protocol = \"transform\"\n\
             [services.crowded]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n\
             protocol = \"fast\"\npoem = \"large\"\nwrite-timeout = 600\n"
        ),
    );
    let contender = contender.runs(&[env!("CARGO_BIN_EXE_poetryd"), "after.toml"]);
    let (daemon, _) = contender.launch();
    (contender, daemon, SocketAddr::from(([127, 0, 0, 1], transform)))
}

fn transform_one(server: SocketAddr) {
    let mut client = TcpStream::connect(server).unwrap();
    let poem = vec![b'a'; REQUEST - b"shout.".len()];
    client.write_all(format!("{REQUEST}:shout.").as_bytes()).unwrap();
    client.write_all(&poem).unwrap();
    client.write_all(b",").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let expected = format!("{}:{},", poem.len(), "A".repeat(poem.len()));
    assert!(answer == expected.as_bytes(), "an answer of {} bytes", answer.len());
}

fn show(daemon: &Daemon, when: &str) {
    let anonymous = Weights::settled(daemon).anonymous / 1024;
    println!("  {when:<40}{anonymous:>11}{:>11}", daemon.memory().resident);
}
