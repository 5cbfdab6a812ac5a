//! What an answer to a datagram costs.

use crate::arena::contenders::{Contender, POEM, free_ports};
use crate::arena::cores::Cores;
use crate::arena::figures::Summary;
use crate::arena::processes::{Daemon, LIMIT};
use std::env;
use std::net::{SocketAddr, UdpSocket};

const ROUNDS: usize = 20;

/// How many datagrams are answered in each round.
const DATAGRAMS: usize = 20_480;

/// How many are on their way at the same time. A queue of the usual size has room for 277 that are short.
const AT_ONCE: [usize; 4] = [1, 8, 64, 256];

/// From how many sockets they come at most.
const CLIENTS: usize = 16;

/// How long an answer is.
const ANSWER: usize = 512;

/// Measures this poetryd, and the program that `POETRYD_BEFORE` names, if it is set, in turn.
pub fn cost() {
    let cores = Cores::find();
    println!("datagrams that are answered, {ROUNDS} interleaved rounds, {}", cores.describe());
    cores.take_servers();
    let [port, port_before] = free_ports();
    let mut contenders = vec![poetryd("poetryd", env!("CARGO_BIN_EXE_poetryd"), port)];
    if let Ok(program) = env::var("POETRYD_BEFORE") {
        contenders.push(poetryd("before", &program, port_before));
    }
    let daemons: Vec<Daemon> = contenders.iter().map(|contender| contender.launch().0).collect();
    cores.take_clients();
    println!("  {:<26}{:<9}{:>11}{:>11}{:>11}", "CPU of an answer, µs", "", "median", "min", "max");
    for at_once in AT_ONCE {
        let mut rounds = vec![Vec::new(); daemons.len()];
        for _ in 0..ROUNDS {
            for (daemon, costs) in daemons.iter().zip(&mut rounds) {
                costs.push(cost_of_an_answer(daemon, at_once));
            }
        }
        for (daemon, costs) in daemons.iter().zip(&rounds) {
            print(&format!("{at_once} at a time"), daemon.name, costs.iter().copied());
        }
        for costs in &rounds[1..] {
            print("", "ratio", costs.iter().zip(&rounds[0]).map(|(before, now)| before / now));
        }
    }
    cores.take_all();
    for daemon in daemons {
        daemon.stop();
    }
    println!("(user and kernel, for {ANSWER} bytes and a line in the log.)");
}

fn print(what: &str, who: &str, numbers: impl Iterator<Item = f64>) {
    let Summary { min, median, max } = Summary::of_numbers(numbers);
    println!("  {what:<26}{who:<9}{median:>11.3}{min:>11.3}{max:>11.3}");
}

fn cost_of_an_answer(daemon: &Daemon, at_once: usize) -> f64 {
    let clients: Vec<_> = (0..at_once.min(CLIENTS)).map(|_| client(daemon.address)).collect();
    let before = daemon.settled_cpu_time();
    for _ in 0..DATAGRAMS / at_once {
        let each = at_once / clients.len();
        for client in &clients {
            (0..each).for_each(|_| assert_eq!(client.send(b"?").unwrap(), 1));
        }
        for client in &clients {
            (0..each).for_each(|_| hear(client));
        }
    }
    let used = daemon.settled_cpu_time() - before;
    used.as_secs_f64() * 1e6 / DATAGRAMS as f64
}

fn client(server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client
}

fn hear(client: &UdpSocket) {
    let mut answer = [0; ANSWER + 1];
    let length = client.recv(&mut answer).expect("an answer to each datagram");
    assert_eq!(answer[..length], POEM[..ANSWER]);
}

fn poetryd(name: &'static str, program: &str, port: u16) -> Contender {
    let contender = Contender::new("poetryd", "poetryd.pid", port).called(name);
    contender.write("poem.txt", POEM);
    contender.write(
        "quote.toml",
        format!(
            "[services.poem]\nkind = \"poem\"\nfile = \"poem.txt\"\n\
             [services.quote]\nkind = \"quote\"\npoem = \"poem\"\ninterface = \"127.0.0.1\"\nport = {port}\n\
             replies-per-second = 1000000\n"
        ),
    );
    contender.runs(&[program, "quote.toml"])
}
