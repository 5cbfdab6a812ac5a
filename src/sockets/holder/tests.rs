use super::*;
use std::net::{TcpListener, UdpSocket};

#[test]
fn finds_the_process_that_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(of(&Endpoint::Tcp(address)).as_deref(), Some("this process itself"));
    let all = SocketAddr::new([0, 0, 0, 0].into(), address.port());
    assert_eq!(of(&Endpoint::Tcp(all)).as_deref(), Some("this process itself"));
    let other = SocketAddr::new([127, 0, 0, 9].into(), address.port());
    assert_eq!(of(&Endpoint::Tcp(other)), None);
}

#[test]
fn finds_the_process_with_a_udp_socket_connected_or_not() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    assert_eq!(of(&Endpoint::Udp(address)).as_deref(), Some("this process itself"));
    socket.connect("127.0.0.1:9").unwrap();
    assert_eq!(of(&Endpoint::Udp(address)).as_deref(), Some("this process itself"));
    let other = SocketAddr::new([127, 0, 0, 9].into(), address.port());
    assert_eq!(of(&Endpoint::Udp(other)), None);
}

#[test]
fn reads_addresses_as_the_kernel_writes_them() {
    assert_eq!(parse_address("0100007F:2710"), Some("127.0.0.1:10000".parse().unwrap()));
    let six = "00000000000000000000000001000000:0011";
    assert_eq!(parse_address(six), Some("[::1]:17".parse().unwrap()));
    assert_eq!(parse_address("nonsense"), None);
}

#[test]
fn knows_nobody_on_a_free_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(of(&Endpoint::Tcp(address)), None);
}
