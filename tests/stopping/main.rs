//! The stop: what is in progress is finished or, when there is no time for that, visibly cut.

#[path = "../support/mod.rs"]
mod support;

mod cut;
mod graceful;
mod service_manager;

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use support::{Foreground, Sandbox, connect};

/// More than the kernel holds for a client that does not read. Made once, since it takes a second.
static BIG: LazyLock<Vec<u8>> = LazyLock::new(|| Sandbox::new().write_poem("big.txt", 16_000_000));

/// The services that listen, in the order of the tree.
const LISTENERS: [&str; 3] = ["first", "night.second", "night.deep.third"];

/// A directory with a tree of three listeners at three depths, which serve a big poem. `more` is added to
/// each listener's table.
fn tree(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("big.txt"), &*BIG).unwrap();
    let mut application = String::from("[services.big]\nkind = \"poem\"\nfile = \"big.txt\"\n");
    for listener in LISTENERS {
        let table = listener.replace('.', ".services.");
        if let Some((group, _)) = table.rsplit_once(".services.") {
            application += &format!("[services.{group}]\nkind = \"group\"\n");
        }
        application += &format!(
            "[services.{table}]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
             protocol = \"fast\"\npoem = \"big\"\n{more}\n"
        );
    }
    sandbox.write("tree.toml", &application);
    sandbox
}

/// Runs the tree in the foreground, with further options.
fn start(sandbox: &Sandbox, options: &[&str]) -> Foreground {
    let mut args = vec!["--nodaemon"];
    args.extend(options);
    args.push("tree.toml");
    Foreground::start(sandbox.poetryd(&args)).ready()
}

fn addresses(daemon: &Foreground) -> Vec<SocketAddr> {
    LISTENERS.iter().map(|listener| daemon.address(listener)).collect()
}

/// A client that has begun to read, and is in the middle of the poem until it reads on.
fn in_the_middle(address: SocketAddr) -> TcpStream {
    let mut client = connect(address);
    let mut start = [0; 8];
    client.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"0000000\n");
    client
}

/// Reads what comes after the bytes that [`in_the_middle`] has read. Compares it as it comes, since so
/// many poems would fill the memory.
fn gets_the_rest(mut client: TcpStream) {
    let mut expected = &BIG[8..];
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let got = client.read(&mut buffer).unwrap();
        if got == 0 {
            break;
        }
        assert!(expected.starts_with(&buffer[..got]), "{} bytes from the end", expected.len());
        expected = &expected[got..];
    }
    assert!(expected.is_empty(), "{} bytes are missing", expected.len());
}
