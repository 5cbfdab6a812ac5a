use super::*;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};

#[test]
fn sockets_that_listen_have_an_endpoint() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    assert_eq!(Endpoint::of(&tcp), Some(Endpoint::Tcp(address)));
    assert_eq!(Endpoint::of(&TcpStream::connect(address).unwrap()), None);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(Endpoint::of(&udp), Some(Endpoint::Udp(udp.local_addr().unwrap())));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    assert_eq!(Endpoint::of(&UnixListener::bind(&path).unwrap()), Some(Endpoint::Unix(path)));
    assert_eq!(Endpoint::of(&std::fs::File::open("/dev/null").unwrap()), None);
}

#[test]
fn an_abstract_name_is_written_with_an_at_sign() {
    let name = format!("poetryd-endpoint-{}", std::process::id());
    let address = UnixAddress::from_abstract_name(&name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    let endpoint = Endpoint::Unix(format!("@{name}").into());
    assert_eq!(Endpoint::of(&listener), Some(endpoint.clone()));
    let Endpoint::Unix(path) = &endpoint else { unreachable!() };
    assert_eq!(unix_address(path).unwrap().as_abstract_namespace(), Some(name.as_bytes()));
}

#[test]
fn one_for_all_addresses_overlaps_each_of_its_family() {
    let tcp = |text: &str| Endpoint::Tcp(text.parse().unwrap());
    for (a, b, overlap) in [
        ("127.0.0.1:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "0.0.0.0:1", true),
        ("127.0.0.1:1", "127.0.0.2:1", false),
        ("127.0.0.1:1", "0.0.0.0:2", false),
        ("[::1]:1", "[::]:1", true),
        ("127.0.0.1:1", "[::]:1", false),
    ] {
        assert_eq!(tcp(a).overlaps(&tcp(b)), overlap, "{a} {b}");
        assert_eq!(tcp(b).overlaps(&tcp(a)), overlap, "{b} {a}");
    }
    let udp = Endpoint::Udp("127.0.0.1:1".parse().unwrap());
    assert!(!udp.overlaps(&tcp("127.0.0.1:1")));
}
