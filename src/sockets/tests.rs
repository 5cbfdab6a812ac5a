//! What services are lent, over the life of a process and of the next.

mod changing;
mod closing;
mod handing_over;

use super::*;
use nix::unistd::dup;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

fn path(name: &str) -> ServicePath {
    ServicePath::root().child(name)
}

fn tcp(address: &str) -> Endpoint {
    Endpoint::Tcp(address.parse().unwrap())
}

fn open(sockets: &Sockets, service: &str, endpoint: &Endpoint) -> LentSocket {
    sockets.open(&path(service), endpoint, &ListenOptions::default()).unwrap().unwrap()
}

fn refused(sockets: &Sockets, service: &str, endpoint: &Endpoint) -> String {
    let opened = sockets.open(&path(service), endpoint, &ListenOptions::default());
    opened.unwrap_err().to_string()
}

/// A descriptor store, and what is in it.
#[derive(Clone, Default)]
struct TestStore(Arc<Mutex<Vec<(String, OwnedFd)>>>);

/// What fits.
const ROOM: usize = 3;

impl TestStore {
    fn names(&self) -> Vec<String> {
        self.0.lock().iter().map(|(name, _)| name.clone()).collect()
    }

    /// What the next process gets.
    fn handed_over(&self) -> Vec<Inherited> {
        let stored = self.0.lock();
        let hand_over = |(name, fd): &(String, OwnedFd)| inherited(fd, Some(name));
        stored.iter().map(hand_over).collect()
    }

    fn sockets(&self) -> Sockets {
        Sockets::of_process(self.handed_over(), Some(Box::new(self.clone())))
    }
}

impl DescriptorStore for TestStore {
    fn room(&self) -> usize {
        ROOM
    }

    fn store(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.lock().push((name.into(), dup(fd)?));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().retain(|(stored, _)| stored != name);
        Ok(())
    }
}

fn inherited(fd: &impl AsFd, name: Option<&str>) -> Inherited {
    Inherited::new(dup(fd.as_fd()).unwrap(), name.map(str::to_owned))
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_udp_port_is_had_by_one_service_beside_the_tcp_port_of_its_number() {
    let any_port = Endpoint::Udp("127.0.0.1:0".parse().unwrap());
    // Another process may have the TCP port with the number of the UDP port.
    let attempt = |_| {
        let sockets = Sockets::new();
        let udp = open(&sockets, "udp", &any_port);
        let address = udp.endpoint().address().unwrap();
        let tcp = sockets.open(&path("tcp"), &Endpoint::Tcp(address), &ListenOptions::default());
        Some((sockets, udp, address, tcp.ok()??))
    };
    let (sockets, udp, address, tcp) = (0..16).find_map(attempt).unwrap();
    let message = refused(&sockets, "other", udp.endpoint());
    assert!(message.ends_with("the service udp already listens on it"), "{message}");
    let listed: Vec<String> = sockets.list().iter().map(ToString::to_string).collect();
    assert_eq!(listed, [format!("UDP {address} (udp)"), format!("{address} (tcp)")]);
    drop(udp);
    let listed: Vec<Endpoint> = sockets.list().into_iter().map(|open| open.endpoint).collect();
    assert_eq!(listed, [tcp.endpoint().clone()]);
}

#[test]
fn a_socket_that_is_ours_alone_is_closed_when_nobody_wants_it_any_more() {
    let sockets = Sockets::new();
    let socket = open(&sockets, "fast", &tcp("127.0.0.1:0"));
    let address = socket.endpoint().address().unwrap();
    assert!(!socket.is_shared() && accepts(address));
    let listener = socket.tcp_listener().unwrap();
    drop((socket, listener));
    assert!(!accepts(address) && sockets.list().is_empty());
}

#[test]
fn a_service_that_asks_again_gets_the_very_socket_also_where_any_port_would_do() {
    let sockets = Sockets::new();
    let any_port = tcp("127.0.0.1:0");
    let first = open(&sockets, "fast", &any_port);
    let second = open(&sockets, "fast", &any_port);
    assert_eq!(second.endpoint(), first.endpoint());
    assert_ne!(second.as_raw_fd(), first.as_raw_fd(), "each waits for clients by itself");
    let address = first.endpoint().address().unwrap();
    let waiting = TcpStream::connect(address).unwrap();
    drop(first);
    let accepted = second.tcp_listener().unwrap().accept().unwrap().1;
    assert_eq!(accepted, waiting.local_addr().unwrap());
    let elsewhere = open(&sockets, "other", &any_port);
    assert_ne!(elsewhere.endpoint(), second.endpoint());
}

#[test]
fn an_address_that_overlaps_an_open_one_is_refused_by_name() {
    let sockets = Sockets::new();
    let socket = open(&sockets, "fast", &tcp("127.0.0.1:0"));
    let address = socket.endpoint().address().unwrap();
    let everywhere = tcp(&format!("0.0.0.0:{}", address.port()));
    let message = refused(&sockets, "all", &everywhere);
    let reason = format!("it overlaps {address}, which the service fast listens on");
    assert_eq!(message, format!("can't listen on {everywhere}: {reason}"));
}

#[test]
fn a_socket_that_was_handed_over_is_found_by_its_address_and_then_by_its_name() {
    let [one, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let other_address = other.local_addr().unwrap();
    let handed_over = vec![inherited(&one, Some("fast")), inherited(&other, None)];
    let sockets = Sockets::of_process(handed_over, None);
    let by_address = open(&sockets, "fast", &Endpoint::Tcp(other_address));
    assert_eq!(by_address.endpoint().address(), Some(other_address));
    let by_name = open(&sockets, "fast", &tcp("127.0.0.1:1"));
    assert_eq!(by_name.endpoint().address(), one.local_addr().ok());
    assert_eq!((by_name.origin(), by_name.is_shared()), (Origin::Inherited, true));
}

#[test]
fn a_unix_socket_that_was_handed_over_is_taken_and_its_file_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("socket");
    let listener = UnixListener::bind(&file).unwrap();
    let sockets = Sockets::of_process(vec![inherited(&listener, Some("some.socket"))], None);
    let socket = open(&sockets, "fast", &Endpoint::Unix(file.clone()));
    assert!(socket.is_shared());
    drop(socket);
    sockets.close_unwanted();
    assert!(UnixStream::connect(&file).is_ok(), "systemd's own copy still listens");
}

#[test]
fn a_unix_socket_of_ours_goes_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("socket");
    let sockets = Sockets::new();
    let socket = open(&sockets, "fast", &Endpoint::Unix(file.clone()));
    assert!(UnixStream::connect(&file).is_ok());
    assert!(socket.unix_listener().unwrap().accept().is_ok());
    drop(socket);
    assert!(!file.exists());
}

#[test]
fn what_is_bound_is_stored_and_the_next_process_gets_it() {
    let store = TestStore::default();
    let (sockets, any_port) = (store.sockets(), tcp("127.0.0.1:0"));
    let socket = open(&sockets, "fast", &any_port);
    let address = socket.endpoint().address().unwrap();
    let waiting = TcpStream::connect(address).unwrap();
    assert!(socket.is_shared());
    drop((socket, sockets));
    assert_eq!(store.names(), ["fast/0"]);

    let sockets = store.sockets();
    let socket = open(&sockets, "fast", &any_port);
    assert_eq!((socket.endpoint().address(), socket.origin()), (Some(address), Origin::Stored));
    let accepted = socket.tcp_listener().unwrap().accept().unwrap().1;
    assert_eq!(accepted, waiting.local_addr().unwrap());
    assert_eq!(store.names(), ["fast/0"], "it is there already");
}

#[test]
fn what_no_service_wants_any_more_is_taken_out_of_the_store() {
    let store = TestStore::default();
    let sockets = store.sockets();
    let sockets_of_fast =
        [(); 2].map(|()| open(&sockets, "fast", &tcp("127.0.0.1:0")).endpoint().clone());
    assert_eq!(sockets_of_fast[0], sockets_of_fast[1]);
    open(&sockets, "slow", &tcp("127.0.0.1:0"));
    drop(sockets);
    let sockets = store.sockets();
    let _fast = open(&sockets, "fast", &sockets_of_fast[0]);
    sockets.close_unwanted();
    assert_eq!(store.names(), ["fast/0"]);
}

#[test]
fn a_stored_socket_of_an_earlier_configuration_makes_way_for_one_that_overlaps_it() {
    let store = TestStore::default();
    let everywhere = open(&store.sockets(), "fast", &tcp("0.0.0.0:0")).endpoint().clone();
    let port = everywhere.address().unwrap().port();
    let sockets = store.sockets();
    let narrow = tcp(&format!("127.0.0.1:{port}"));
    assert_eq!(*open(&sockets, "fast", &narrow).endpoint(), narrow);
    assert_eq!(store.names(), ["fast/0"]);
}

#[test]
fn a_store_that_is_full_gets_nothing_more() {
    let store = TestStore::default();
    let sockets = store.sockets();
    let names = ["a", "b", "c", "d"];
    let opened = names.map(|name| open(&sockets, name, &tcp("127.0.0.1:0")));
    assert_eq!(opened.map(|socket| socket.is_shared()), [true, true, true, false]);
    assert_eq!(store.names(), ["a/0", "b/0", "c/0"]);
}

#[test]
fn a_stored_unix_socket_whose_file_is_gone_is_bound_anew() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Unix(directory.path().join("socket"));
    let Endpoint::Unix(file) = &endpoint else { unreachable!() };
    let store = TestStore::default();
    drop(open(&store.sockets(), "fast", &endpoint));
    assert!(file.exists(), "the next process wants it");
    let kept = open(&store.sockets(), "fast", &endpoint);
    assert_eq!(kept.origin(), Origin::Stored);
    drop(kept);

    std::fs::remove_file(file).unwrap();
    let sockets = store.sockets();
    let anew = open(&sockets, "fast", &endpoint);
    assert_eq!(anew.origin(), Origin::Bound);
    assert!(connects(file));
    sockets.close_unwanted();
    assert_eq!(store.names().len(), 1);
}

fn connects(file: &Path) -> bool {
    UnixStream::connect(file).is_ok()
}

#[test]
fn a_socket_that_comes_from_a_unit_and_from_the_store_is_one() {
    let store = TestStore::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    store.store("fast/0", listener.as_fd()).unwrap();
    let twins = vec![store.handed_over().remove(0), inherited(&listener, Some("poetryd.socket"))];
    let sockets = Sockets::of_process(twins, Some(Box::new(store.clone())));
    let socket = open(&sockets, "fast", &Endpoint::Tcp(listener.local_addr().unwrap()));
    assert_eq!(socket.origin(), Origin::Inherited);
    assert!(store.names().is_empty());
}

#[test]
fn an_ipv6_socket_for_all_may_take_ipv4_clients_too() {
    let Ok(socket) = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None)
    else {
        return; // no IPv6 here
    };
    if socket.set_only_v6(false).is_err()
        || socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).is_err()
    {
        return;
    }
    socket.listen(1).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let sockets = Sockets::of_process(vec![inherited(&socket, None)], None);
    let _six = open(&sockets, "fast", &tcp(&format!("[::]:{port}")));
    let four = tcp(&format!("0.0.0.0:{port}"));
    assert!(sockets.open(&path("fast"), &four, &ListenOptions::default()).unwrap().is_none());
    let message = refused(&sockets, "other", &four);
    assert!(message.contains("which the service fast listens on"), "{message}");
}

#[test]
fn what_is_no_socket_is_closed() {
    let null = std::fs::File::open("/dev/null").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let handed_over = vec![inherited(&null, Some("fast")), inherited(&udp, Some("fast"))];
    let sockets = Sockets::of_process(handed_over, None);
    let bound = open(&sockets, "fast", &tcp("127.0.0.1:0"));
    assert_eq!(bound.origin(), Origin::Bound);
    let address = udp.local_addr().unwrap();
    drop(udp);
    assert!(UdpSocket::bind(address).is_err(), "nobody has closed it yet");
    sockets.close_unwanted();
    assert!(UdpSocket::bind(address).is_ok());
}

#[test]
fn a_stored_unix_socket_gets_the_mode_that_is_asked_for_now() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Unix(directory.path().join("socket"));
    let Endpoint::Unix(file) = &endpoint else { unreachable!() };
    let store = TestStore::default();
    let mode = || std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    let open = |mode| {
        let options = ListenOptions { mode, ..ListenOptions::default() };
        store.sockets().open(&path("fast"), &endpoint, &options).unwrap().unwrap().origin()
    };
    assert_eq!((open(0o666), mode()), (Origin::Bound, 0o666));
    assert_eq!((open(0o666), mode()), (Origin::Stored, 0o666));
    assert_eq!((open(0o600), mode()), (Origin::Bound, 0o600));
    assert_eq!(store.names(), ["fast/0"]);
}

#[test]
fn a_stored_unix_socket_that_no_service_wants_goes_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("socket");
    let store = TestStore::default();
    drop(open(&store.sockets(), "fast", &Endpoint::Unix(file.clone())));
    assert!(file.exists());
    store.sockets().close_unwanted();
    assert!(!file.exists() && store.names().is_empty());
}

#[test]
fn what_can_t_be_used_is_closed_wherever_it_was_stored_and_not_offered_again() {
    let store = TestStore::default();
    let (sockets, any_port) = (store.sockets(), tcp("127.0.0.1:0"));
    let unusable = open(&sockets, "fast", &any_port);
    let address = unusable.endpoint().address().unwrap();
    sockets.discard(unusable);
    assert!(store.names().is_empty() && !accepts(address));
}

#[test]
fn a_port_that_another_service_has_got_since_is_not_offered_again() {
    let store = TestStore::default();
    let (sockets, any_port) = (store.sockets(), tcp("127.0.0.1:0"));
    let endpoint = open(&sockets, "a", &any_port).endpoint().clone();
    let of_another = open(&sockets, "b", &endpoint);
    assert_ne!(open(&sockets, "a", &any_port).endpoint(), of_another.endpoint());
}
