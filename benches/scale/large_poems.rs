//! How fast large poems are served, and what that costs the server and the clients.

use crate::arena::cores::Cores;
use crate::arena::figures::Summary;
use crate::networks::Network;
use crate::readers::LargePoem;
use crate::servers::{Maker, Server, Turn, find};
use tempfile::TempDir;

/// The number of rounds. One more, the first, is not counted.
const ROUNDS: usize = 20;

const MIB: usize = 1 << 20;

/// What is measured: a poem of so many bytes, to so many clients at once, so many times in each round.
const TASKS: [(usize, usize, usize); 4] =
    [(16 * MIB, 1, 16), (16 * MIB, 4, 4), (16 * MIB, 64, 1), (1024 * MIB, 1, 1)];

pub fn throughput() {
    let cores = Cores::find();
    let makers = find();
    let networks = Network::find();
    println!("\nlarge poems, {ROUNDS} interleaved rounds, {}", cores.describe());
    let directory = TempDir::new().unwrap();
    for (size, clients, times) in TASKS {
        let file = directory.path().join("poem");
        let all = Task { poem: LargePoem::write(file, size), clients, times };
        all.measure(&contenders(&networks, &makers), &cores);
    }
    networks[0].enter();
    cores.take_all();
    println!(
        "(medians, lowest and highest. GB/s: 10^9 bytes of poem per second, from the first connection to the end of \
         the\n last. server, s/GB: processor time of the server, user and kernel. both: with that of the clients, \
         which are one\n thread. busy: the part of the time that the clients' core was busy, median; near 100% it \
         is the clients that\n set the pace. poetryd / it: the ratios of the two in each round; equal: it is not clear\n that there is a difference. The clients read into one buffer of 256 KiB, \
         count every byte, and compare the first\n and the last 4 KiB. nginx: HTTP, sendfile on, tcp_nopush on, \
         one worker. socat: a process per client, which\n copies with its default buffer of 8 KiB; its processor \
         time is known to 10 ms.)"
    );
}

/// All servers in the machine's network; in the other one, without socat.
fn contenders<'a>(networks: &'a [Network], makers: &[(&str, Maker)]) -> Vec<(&'a Network, Maker)> {
    let mut contenders = Vec::new();
    for (number, network) in networks.iter().enumerate() {
        let here = makers.iter().filter(|(name, _)| number == 0 || *name != "socat");
        contenders.extend(here.map(|(_, maker)| (network, *maker)));
    }
    contenders
}

struct Task {
    poem: LargePoem,
    clients: usize,
    times: usize,
}

impl Task {
    /// Each server in turn, so that what slows the machine down for a while affects all of them.
    fn measure(&self, contenders: &[(&Network, Maker)], cores: &Cores) {
        let servers = Server::launch_all(contenders, &self.poem, cores);
        let mut rounds: Vec<Vec<Figures>> = servers.iter().map(|_| Vec::new()).collect();
        for round in 0..=ROUNDS {
            for (server, rounds) in servers.iter().zip(&mut rounds) {
                let turn = server.serves(self.clients, self.times, &self.poem);
                if round > 0 {
                    rounds.push(self.figures(&turn));
                }
            }
        }
        self.print(&servers, &rounds);
        servers.into_iter().for_each(Server::stop);
    }

    fn figures(&self, turn: &Turn) -> Figures {
        let gigabytes = (self.poem.size * self.clients * self.times) as f64 / 1e9;
        let [wall, cpu, client] =
            [turn.wall, turn.cpu, turn.client_cpu].map(|time| time.as_secs_f64());
        Figures {
            speed: gigabytes / wall,
            server: cpu / gigabytes,
            both: (cpu + client) / gigabytes,
            busy: client / wall,
        }
    }

    fn print(&self, servers: &[Server], rounds: &[Vec<Figures>]) {
        println!();
        println!(
            "  {:<16}{:<10}{:^24}{:^24}{:^24}{:>6}",
            format!("{} MiB to {}", self.poem.size / MIB, self.clients),
            "",
            "GB/s",
            "server, s/GB",
            "both, s/GB",
            "busy"
        );
        let mut network = String::new();
        let mut first: Option<&[Figures]> = None;
        for (server, rounds) in servers.iter().zip(rounds) {
            if network != server.network().name {
                network.clone_from(&server.network().name);
                first = None;
                print!("  {network:<16}");
            } else {
                print!("  {:<16}", "");
            }
            let busy = Summary::of_numbers(rounds.iter().map(|it| it.busy)).median * 100.0;
            print!("{:<10}", server.name());
            for of in Figures::ALL {
                print!("{:>24}", spread(rounds.iter().map(of)));
            }
            println!("{busy:>5.0}%");
            if let Some(first) = first {
                print_ratios(first, server.name(), rounds);
            }
            first = first.or(Some(rounds));
        }
    }
}

/// Of one round.
struct Figures {
    /// GB per second.
    speed: f64,
    /// Seconds per GB.
    server: f64,
    both: f64,
    /// From 0 to 1.
    busy: f64,
}

impl Figures {
    const ALL: [fn(&Self) -> f64; 3] = [|it| it.speed, |it| it.server, |it| it.both];
}

fn print_ratios(poetryd: &[Figures], name: &str, other: &[Figures]) {
    print!("  {:<16}{:<10}", "", format!("/ {name}"));
    for of in Figures::ALL {
        let ratios: Vec<f64> =
            poetryd.iter().zip(other).map(|(ours, its)| of(ours) / of(its)).collect();
        let Summary { min, max, .. } = Summary::of_numbers(ratios.iter().copied());
        let equal = if min <= 1.0 && max >= 1.0 { "equal " } else { "" };
        print!("{:>24}", format!("{equal}{}", spread(ratios)));
    }
    println!();
}

fn spread(numbers: impl IntoIterator<Item = f64>) -> String {
    let Summary { min, median, max } = Summary::of_numbers(numbers);
    let decimals = if median < 1.0 { 3 } else { 2 };
    format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
}
