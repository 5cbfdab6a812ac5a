//! Names with addresses that a test gives them, and addresses that do not answer.

#![allow(dead_code)] // each test program uses its own part

use crate::support::{Sandbox, through};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

/// The address of [`TwoAddresses`] that does not answer, and the one that does.
const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SERVING: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The names that [`with_names`] makes known: with the silent address first, and with it last. (One of
/// them is the order in which they are tried, whatever the resolver makes of it.)
pub const NAMES: [&str; 2] = ["silent-first.test", "silent-last.test"];

/// A name that [`with_names`] makes known for the serving address, under its name in the DNS.
pub const INTERNATIONAL: &str = "bücher.test";

/// The command on a machine where no names are known but `localhost`, [`NAMES`] and [`INTERNATIONAL`]. Only root can do that.
pub fn with_names(sandbox: &Sandbox, command: &Command) -> Command {
    let [silent_first, silent_last] = NAMES;
    let hosts = format!(
        "127.0.0.1 localhost\n{SILENT} {silent_first}\n{SERVING} {silent_first}\n\
         {SERVING} {silent_last}\n{SILENT} {silent_last}\n{SERVING} xn--bcher-kva.test\n"
    );
    sandbox.write("hosts", &hosts);
    sandbox.write("nsswitch.conf", "hosts: files\n");
    sandbox.write("host.conf", "multi on\n");
    let bind = |name: &str| format!("mount --bind {} /etc/{name}", sandbox.path(name).display());
    let script = ["hosts", "nsswitch.conf", "host.conf"].map(bind).join(" && ");
    through(
        &["unshare", "--mount", "sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")],
        command,
    )
}

/// One port, on an address that serves and on another that does not answer.
pub struct TwoAddresses {
    pub serving: TcpListener,
    pub silent: Unresponsive,
}

impl TwoAddresses {
    pub fn new() -> Self {
        let silent = Unresponsive::new(SILENT);
        let serving = TcpListener::bind((SERVING, silent.address().port())).unwrap();
        Self { serving, silent }
    }

    pub fn port(&self) -> u16 {
        self.serving.local_addr().unwrap().port()
    }
}

/// A port that takes no notice of whoever knocks: its queue is full.
pub struct Unresponsive {
    listener: Socket,
    queue: Vec<Socket>,
}

impl Unresponsive {
    pub fn new(ip: Ipv4Addr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let mut unresponsive = Self { listener, queue: Vec::new() };
        let address = unresponsive.address();
        let knock = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into()); // goes on in the background
            socket
        };
        unresponsive.queue.extend((0..4).map(|_| knock()));
        unresponsive
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }

    /// Answers from now on. Those who filled the queue have gone, but are still in it.
    pub fn answer(self) -> TcpListener {
        self.listener.into()
    }
}
