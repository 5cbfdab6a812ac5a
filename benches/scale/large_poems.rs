//! How fast large poems are served, and what that costs the server.

use crate::arena::cores::Cores;
use crate::arena::figures::Summary;
use crate::readers::LargePoem;
use crate::servers::{Maker, Server, Turn, find};
use tempfile::TempDir;

/// The number of rounds. One more, the first, is not counted.
const ROUNDS: usize = 5;

/// The number of poems in each round.
const BYTES: usize = 1 << 30;

/// The number of clients that fetch them.
const CLIENTS: [usize; 2] = [1, 64];

pub fn throughput() {
    let cores = Cores::find();
    let makers = find();
    println!("\nlarge poems, {ROUNDS} interleaved rounds, {}", cores.describe());
    let directory = TempDir::new().unwrap();
    for clients in CLIENTS {
        let file = directory.path().join("poem");
        measure(&LargePoem::write(file, BYTES / clients), clients, &makers, &cores);
    }
    cores.take_all();
    println!(
        "(GB/s: 10^9 bytes of poem per second, from the first connection to the end of the last; ratio: of \
         the\n medians, to poetryd's. CPU s/GB: processor time of the server, user and kernel, median. client: \
         the part\n of the time that the core of the one thread of clients was busy, median; near 100% it is the \
         clients that\n set the pace. They read into one buffer of 256 KiB, count every byte, and compare the first \
         and the last\n 4 KiB. Pss: of all processes of the server, afterwards; the poem itself is not in it: poetryd \
         has it in\n a file in memory, the others in the kernel's page cache. nginx: HTTP, sendfile on, tcp_nopush \
         on, one\n worker. socat: a process per client, which copies with its default buffer of 8 KiB; its processor \
         time is\n known to 10 ms.)"
    );
}

/// Each server in turn, so that what slows the machine down for a while affects all of them.
fn measure(poem: &LargePoem, clients: usize, makers: &[Maker], cores: &Cores) {
    let servers = Server::launch_all(makers, poem, cores);
    let mut turns: Vec<Vec<Turn>> = servers.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for (server, turns) in servers.iter().zip(&mut turns) {
            let turn = server.serves(clients, poem);
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    let figures: Vec<Figures> = turns.iter().map(|turns| Figures::of(turns)).collect();
    print(poem, clients, &servers, &figures);
    servers.into_iter().for_each(Server::stop);
}

struct Figures {
    /// GB per second.
    speed: Summary,
    /// Seconds per GB.
    cpu: Summary,
    /// The load of the clients' core, from 0 to 1.
    client: Summary,
}

impl Figures {
    fn of(turns: &[Turn]) -> Self {
        let gigabytes = BYTES as f64 / 1e9;
        let summary = |of: &dyn Fn(&Turn) -> f64| Summary::of_numbers(turns.iter().map(of));
        Self {
            speed: summary(&|turn| gigabytes / turn.wall.as_secs_f64()),
            cpu: summary(&|turn| turn.cpu.as_secs_f64() / gigabytes),
            client: summary(&|turn| turn.client_cpu.as_secs_f64() / turn.wall.as_secs_f64()),
        }
    }
}

fn print(poem: &LargePoem, clients: usize, servers: &[Server], figures: &[Figures]) {
    let size = poem.size >> 20;
    println!();
    println!(
        "  {:<22}{:^30}{:^18}{:>8}{:>11}",
        format!("{size} MiB to {clients}"),
        "GB/s",
        "CPU s/GB",
        "client",
        "Pss"
    );
    println!(
        "  {:<22}{:>7}{:>8}{:>7}{:>8}{:>10}{:>8}{:>8}{:>11}",
        "", "min", "median", "max", "ratio", "median", "ratio", "busy", "kB"
    );
    let first = &figures[0];
    for (server, Figures { speed, cpu, client }) in servers.iter().zip(figures) {
        let Summary { min, median, max } = speed;
        let (name, busy) = (server.name(), client.median * 100.0);
        let ratio = median / first.speed.median;
        print!("  {name:<22}{min:>7.2}{median:>8.2}{max:>7.2}{ratio:>8.2}");
        let (median, ratio) = (cpu.median, cpu.median / first.cpu.median);
        println!("{median:>10.3}{ratio:>8.2}{busy:>7.0}%{:>11}", server.memory());
    }
}
