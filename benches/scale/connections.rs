//! What it costs to keep many connections open, and how fast a new client is served meanwhile.

use crate::arena::contenders::{Contender, POEM, free_ports};
use crate::arena::figures::Summary;
use crate::arena::processes::{Daemon, fetch, until};
use crate::held::{connect_all, descriptors, received_memory};
use crate::weights::{Weights, tcp_limits, tcp_pressures};
use nix::unistd::Pid;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const CONNECTIONS: [usize; 5] = [10, 100, 1_000, 10_000, 20_000];

const LARGE: usize = 4 << 20;

/// With fewer connections, their kernel memory can't be told from the rest of the kernel's memory.
const FEW: usize = 1_000;

/// How often the small poem is fetched, each time by a new client.
const FETCHES: usize = 200;

/// Descriptors for everything but the open connections: the daemon's own and its reserve, and fetches that
/// are being closed.
const SPARE: usize = 250;

pub fn growth() {
    let most = descriptors().saturating_sub(SPARE);
    assert!(most > 0, "there are too few descriptors for anything");
    let mut numbers = CONNECTIONS.map(|number| number.min(most)).to_vec();
    numbers.dedup();
    if most < CONNECTIONS[CONNECTIONS.len() - 1] {
        println!(
            "the hard limit of descriptors (ulimit -Hn) allows only {most} connections at once\n"
        );
    }
    let pressures = tcp_pressures();
    let unread: Vec<Unread> = numbers.iter().copied().map(Unread::measure).collect();
    print_memory(&unread, tcp_pressures() - pressures);
    println!();
    print_latency(&unread);
    println!();
    let idle: Vec<_> = numbers.into_iter().map(|number| (number, idle(number))).collect();
    print_idle(&idle);
}

/// A daemon with one listener for clients that keep their connections open, and one for clients that fetch a
/// small poem meanwhile.
fn launch(crowded: &str) -> (Contender, Daemon, SocketAddr) {
    let [port, quick] = free_ports();
    let contender = Contender::new("poetryd", "poetryd.pid", port);
    contender.write("small.txt", POEM);
    contender.write("large.txt", large_poem());
    contender.write(
        "crowd.toml",
        format!(
            "[services.small]\nkind = \"poem\"\nfile = \"small.txt\"\n\
             [services.large]\nkind = \"poem\"\nfile = \"large.txt\"\n\
             [services.quick]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {quick}\nprotocol = \"fast\"\n\
             poem = \"small\"\n\
             [services.crowded]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n{crowded}"
        ),
    );
    let contender = contender.runs(&[env!("CARGO_BIN_EXE_poetryd"), "crowd.toml"]);
    let (daemon, _) = contender.launch();
    (contender, daemon, SocketAddr::from(([127, 0, 0, 1], quick)))
}

fn large_poem() -> Vec<u8> {
    (0..LARGE / 8).flat_map(|n| format!("{n:07}\n").into_bytes()).collect()
}

/// This many clients do not read the large poem.
struct Unread {
    connections: usize,
    connecting: Duration,
    before: Weights,
    during: Weights,
    /// The memory of the clients' sockets, in bytes.
    at_clients: u64,
    after: Weights,
    descriptors: [usize; 2],
    alone: Vec<Duration>,
    meanwhile: Vec<Duration>,
}

impl Unread {
    fn measure(connections: usize) -> Self {
        // No client may be dropped for not reading while memory is measured.
        let crowded = "protocol = \"fast\"\npoem = \"large\"\nwrite-timeout = 600\n";
        let (_contender, daemon, quick) = launch(crowded);
        let large = large_poem();
        assert_whole(daemon.address, &large);
        let alone = fetches(quick);
        let before = Weights::settled(&daemon);
        let descriptors_before = open_descriptors(daemon.pid);

        let start = Instant::now();
        let clients = connect_all(daemon.address, connections);
        let connecting = start.elapsed();
        let during = Weights::settled(&daemon);
        let at_clients = received_memory(&clients);
        let open = open_descriptors(daemon.pid) - descriptors_before;
        assert_eq!(open, connections, "as many connections as there are clients");
        let meanwhile = fetches(quick);
        assert_whole(daemon.address, &large);

        drop(clients);
        let descriptors_now = || open_descriptors(daemon.pid);
        until("the end of all connections", || descriptors_now() == descriptors_before);
        let after = Weights::settled(&daemon);
        let descriptors = [descriptors_before, descriptors_now()];
        assert_whole(daemon.address, &large);
        daemon.stop();
        Self {
            connections,
            connecting,
            before,
            during,
            at_clients,
            after,
            descriptors,
            alone,
            meanwhile,
        }
    }

    fn each(&self, bytes: f64) -> f64 {
        bytes / self.connections as f64
    }

    /// How much one connection adds to a kind of memory.
    fn growth(&self, of: fn(&Weights) -> u64) -> f64 {
        self.each(of(&self.during) as f64 - of(&self.before) as f64)
    }
}

/// How much the daemon's anonymous memory grows with this many clients that are served slowly, in bytes. They
/// have received the first bytes, and the next ones would come in an hour.
fn idle(connections: usize) -> u64 {
    let crowded = "protocol = \"slow\"\npoem = \"small\"\nnum-bytes = 10\ndelay = 3600\n\
                   [daemon]\nstop-timeout = 0.1\n";
    let (_contender, daemon, quick) = launch(crowded);
    fetches(quick);
    let before = Weights::settled(&daemon);
    let descriptors_before = open_descriptors(daemon.pid);
    let clients = connect_all(daemon.address, connections);
    let during = Weights::settled(&daemon);
    let open = open_descriptors(daemon.pid) - descriptors_before;
    assert_eq!(open, connections, "as many connections as there are clients");
    fetches(quick);
    daemon.stop();
    drop(clients);
    during.anonymous - before.anonymous
}

/// One after the other, each from the connect to the end of the poem.
fn fetches(server: SocketAddr) -> Vec<Duration> {
    let fetch_small = |_| {
        let start = Instant::now();
        let poem = fetch(server);
        let took = start.elapsed();
        assert!(poem.is_ok_and(|poem| poem == POEM), "a small poem did not come whole");
        took
    };
    (0..FETCHES).map(fetch_small).collect()
}

fn assert_whole(server: SocketAddr, poem: &[u8]) {
    assert!(fetch(server).is_ok_and(|received| received == poem), "a poem did not come whole");
}

fn open_descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn print_memory(all: &[Unread], pressures: u64) {
    println!("connections of clients that do not read a poem of {LARGE} bytes, all open at once");
    println!(
        "  {:>11}{:>11}{:^40}{:>15}{:>15}",
        "", "connected", "bytes for each", "anonymous, kB", "descriptors"
    );
    println!(
        "  {:>11}{:>11}{:>10}{:>10}{:>10}{:>10}{:>8}{:>7}{:>8}{:>7}",
        "connections",
        "after, s",
        "user",
        "buffers",
        "clients'",
        "slab",
        "before",
        "after",
        "before",
        "after"
    );
    for unread in all {
        let (number, seconds) = (unread.connections, unread.connecting.as_secs_f64());
        let user = unread.growth(|weights| weights.anonymous);
        let clients = unread.each(unread.at_clients as f64);
        let server = unread.growth(|weights| weights.buffers) - clients;
        let slab = unread.growth(|weights| weights.slab);
        let [server, clients, slab] = [server, clients, slab].map(|bytes| format!("{bytes:.0}"));
        let [server, slab] = [server, slab].map(|it| if number < FEW { "-".into() } else { it });
        print!("  {number:>11}{seconds:>11.2}{user:>10.0}{server:>10}{clients:>10}{slab:>10}");
        let [before, after] = [unread.before, unread.after].map(|weights| weights.anonymous / 1024);
        let descriptors = unread.descriptors;
        println!("{before:>8}{after:>7}{:>8}{:>7}", descriptors[0], descriptors[1]);
    }
    let most = all.iter().map(|unread| unread.during.buffers).max().unwrap();
    let (pressure, limit) = tcp_limits();
    let [most, pressure, limit] = [most, pressure, limit].map(|bytes| bytes >> 20);
    println!(
        "(user: anonymous memory of the daemon. buffers: the kernel's TCP buffers on the server's side, that \
         is `mem`\n of TCP in /proc/net/sockstat less what the clients' sockets have received (clients', from \
         SO_MEMINFO). slab:\n growth of Slab in /proc/meminfo, sockets of both ends and descriptors among it. Both \
         count what the whole\n machine does, in steps: fewer than {FEW} connections do not stand out. before, after: \
         the daemon without\n these connections, and when they have ended. tcp_mem: at most {most} MB\n were in \
         buffers; from {pressure} MB on the kernel saves, {limit} MB are the limit; it began to save {pressures} times.)"
    );
}

fn print_latency(all: &[Unread]) {
    println!("a fresh fetch of {} bytes from another listener of that daemon, in µs", POEM.len());
    println!("  {:>11}{:^27}{:^27}", "", "before", "meanwhile");
    println!(
        "  {:>11}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "connections", "min", "median", "max", "min", "median", "max"
    );
    for unread in all {
        print!("  {:>11}", unread.connections);
        for times in [&unread.alone, &unread.meanwhile] {
            let Summary { min, median, max } = Summary::of(times);
            let [min, median, max] = [min, median, max].map(|milliseconds| milliseconds * 1e3);
            print!("{min:>9.0}{median:>9.0}{max:>9.0}");
        }
        println!();
    }
    println!(
        "({FETCHES} fetches, one after the other, each from connecting to the end of the poem; every poem came \
         whole.)"
    );
}

fn print_idle(all: &[(usize, u64)]) {
    println!("connections of clients that are served slowly, between two sends");
    println!("  {:>11}{:>14}{:>14}", "connections", "user, kB", "bytes each");
    for (connections, bytes) in all {
        println!("  {connections:>11}{:>14}{:>14}", bytes / 1024, bytes / *connections as u64);
    }
    println!("(user: growth of the daemon's anonymous memory.)");
}
