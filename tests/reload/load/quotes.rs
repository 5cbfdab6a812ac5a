//! A service that answers datagrams, replaced while it is asked.

use super::daemon::{Daemon, TABLES, own_address};
use super::texts::short_text;
use crate::support::Sandbox;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::scope;
use std::time::Duration;

const CLIENTS: usize = 8;

/// A datagram that has not been answered after this time never will be.
const LOST_AFTER: Duration = Duration::from_secs(20);

/// The length of the first answers. Each service that replaces another one has longer ones.
const LENGTH: usize = 100;

fn application(address: SocketAddr, length: usize) -> String {
    let (interface, port) = (address.ip(), address.port());
    format!(
        "{TABLES}[services.poem]\nkind = \"poem\"\nfile = \"poetry/poem.txt\"\n\
         [services.quote]\nkind = \"quote\"\ninterface = \"{interface}\"\nport = {port}\npoem = \"poem\"\n\
         replies-per-second = 1000000\nmax-reply = {length}\n"
    )
}

/// Every datagram is answered while the service is replaced `reloads` times, and by the new service when that has been
/// done. Returns how many were answered.
pub fn every_datagram_is_answered(reloads: usize) -> usize {
    let sandbox = Sandbox::new();
    let address = SocketAddr::from(own_address());
    fs::write(sandbox.path("poetry/poem.txt"), short_text(0)).unwrap();
    let daemon = Daemon::start(sandbox, &application(address, LENGTH));
    let (is_over, confirmed) = (AtomicBool::new(false), AtomicUsize::new(LENGTH));
    let client = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        socket.set_read_timeout(Some(LOST_AFTER)).unwrap();
        let (mut answered, mut answer) = (0, [0; 2048]);
        while !is_over.load(SeqCst) {
            let at_least = confirmed.load(SeqCst);
            socket.send(b"?").unwrap();
            let length = socket.recv(&mut answer).expect("an answer");
            assert!((at_least..=LENGTH + reloads).contains(&length), "{length} bytes");
            assert!(answer[..length] == short_text(0)[..length], "not the poem");
            answered += 1;
        }
        answered
    };
    let answered = scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        for length in LENGTH + 1..=LENGTH + reloads {
            let counts = daemon.reload_as(&application(address, length));
            assert!(counts.contains(", 1 replaced, "), "{counts}");
            confirmed.store(length, SeqCst);
        }
        is_over.store(true, SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    daemon.stop();
    answered
}
