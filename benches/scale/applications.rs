//! What an application with many services costs before it serves a client.

use crate::arena::contenders::{Contender, free_ports};
use crate::arena::figures::Summary;
use crate::arena::processes::Memory;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

/// The numbers of poems. There is one listener for every ten poems.
const POEMS: [usize; 4] = [10, 100, 1_000, 10_000];

/// How often each is started and stopped. One more round, the first, is not counted.
const ROUNDS: usize = 5;

/// The size of a poem in bytes. With larger ones, the memory of poems would be measured, not that of
/// services.
const POEM_SIZE: usize = 1024;

/// The pause between the last poem and the measurement of memory, so that no connection is being closed.
const REST: Duration = Duration::from_millis(50);

pub fn growth() {
    let [port] = free_ports();
    let applications: Vec<Application> =
        POEMS.iter().map(|poems| Application::write(*poems, port)).collect();
    let mut rounds: Vec<Vec<Round>> = POEMS.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for (application, rounds) in applications.iter().zip(&mut rounds) {
            let figures = application.lives_once();
            if round > 0 {
                rounds.push(figures);
            }
        }
    }
    print(&applications, &rounds);
}

/// An application with this many poems, each in its own file, and listeners, each with its own address and
/// all with the same port.
struct Application {
    contender: Contender,
    poems: usize,
    listeners: usize,
    last_listener: SocketAddr,
    last_poem: Vec<u8>,
}

/// One start.
struct Round {
    ready: Duration,
    memory: Memory,
    stop: Duration,
}

impl Application {
    fn write(poems: usize, port: u16) -> Self {
        let contender = Contender::new("poetryd", "poetryd.pid", port);
        let listeners = poems / 10;
        std::fs::create_dir(contender.path("poems")).unwrap();
        let mut configuration = String::new();
        for n in 0..poems {
            contender.write(&format!("poems/{n}.txt"), poem(n));
            let table = format!("[services.poem-{n}]\nkind = \"poem\"\nfile = \"poems/{n}.txt\"\n");
            configuration += &table;
        }
        for n in 0..listeners {
            let (interface, poem) = (interface(n), n * 10 + 9);
            write!(
                configuration,
                "[services.fast-{n}]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\n\
                 protocol = \"fast\"\npoem = \"poem-{poem}\"\n"
            )
            .unwrap();
        }
        contender.write("many.toml", configuration);
        Self {
            contender: contender.runs(&[env!("CARGO_BIN_EXE_poetryd"), "many.toml"]),
            poems,
            listeners,
            last_listener: (interface(listeners - 1), port).into(),
            last_poem: poem(poems - 1),
        }
    }

    fn services(&self) -> usize {
        self.poems + self.listeners
    }

    fn lives_once(&self) -> Round {
        let (mut daemon, ready) = self.contender.launch();
        daemon.address = self.last_listener;
        daemon.until_it_serves(&self.last_poem);
        sleep(REST);
        let memory = daemon.memory();
        Round { ready, memory, stop: daemon.stop() }
    }
}

/// Lines with the poem's number, so that no two poems are equal.
fn poem(number: usize) -> Vec<u8> {
    format!("{number:07}\n").repeat(POEM_SIZE / 8).into_bytes()
}

/// Addresses from 127.1.0.1 on.
fn interface(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number as u32)
}

fn print(applications: &[Application], rounds: &[Vec<Round>]) {
    println!(
        "applications of many services, {ROUNDS} interleaved rounds: poems of {POEM_SIZE} bytes in a file each, and \
         listeners"
    );
    println!(
        "  {:<16}{:^25}{:^25}{:>9}{:>11}{:>12}",
        "", "start to ready, ms", "stop, ms", "VmRSS", "anonymous", "more per"
    );
    println!(
        "  {:>6}{:>10}{:>8}{:>9}{:>8}{:>8}{:>9}{:>8}{:>9}{:>11}{:>12}",
        "poems",
        "listeners",
        "min",
        "median",
        "max",
        "min",
        "median",
        "max",
        "kB",
        "kB",
        "service, B"
    );
    let mut smaller: Option<(usize, f64)> = None;
    for (application, rounds) in applications.iter().zip(rounds) {
        print!("  {:>6}{:>10}", application.poems, application.listeners);
        let kilobytes = |of: fn(&Memory) -> u64| {
            Summary::of_numbers(rounds.iter().map(|round| of(&round.memory) as f64)).median
        };
        for times in [|round: &Round| round.ready, |round: &Round| round.stop] {
            let times: Vec<Duration> = rounds.iter().map(times).collect();
            let Summary { min, median, max } = Summary::of(&times);
            print!("{min:>8.1}{median:>9.1}{max:>8.1}");
        }
        let anonymous = kilobytes(|memory| memory.anonymous);
        print!("{:>9.0}{anonymous:>11.0}", kilobytes(|memory| memory.resident));
        let services = application.services();
        let each = smaller.map(|(fewer, less)| {
            let each = (anonymous - less) * 1024.0 / (services - fewer) as f64;
            format!("{each:.0}")
        });
        println!("{:>12}", each.unwrap_or("-".into()));
        smaller = Some((services, anonymous));
    }
    println!(
        "(start to ready: from the launch in the background until the prompt returns. Then the last listener \
         has to\n serve its poem, and memory is measured when that is over: medians. stop: from SIGTERM until the \
         pid file is\n gone. more per service: growth of the anonymous memory since the line above, for each service \
         more;\n {POEM_SIZE} bytes of a poem's are its text.)"
    );
}
