use super::*;
use socket2::{Domain, Type};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn listener() -> (Socket, Endpoint, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener.into(), Endpoint::Tcp(address), address)
}

fn client() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

#[test]
fn who_waits_is_accepted_and_who_comes_later_is_refused_when_the_socket_is_closed() {
    let (listener, endpoint, address) = listener();
    let waiting = client();
    waiting.connect(&address.into()).unwrap();
    refuse_new_clients(&listener, &endpoint);
    let later = client();
    let no_time = Duration::from_millis(1);
    let error = later.connect_timeout(&address.into(), no_time).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(listener.accept().is_ok());
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(listener);
    let error = client().connect(&address.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn who_comes_meanwhile_gets_in_if_the_socket_is_used_again() {
    let (listener, endpoint, address) = listener();
    refuse_new_clients(&listener, &endpoint);
    let client = client();
    client.set_nonblocking(true).unwrap();
    let _ = client.connect(&address.into()); // it is in progress when this returns
    if may_attach_filters() {
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    admit_new_clients(&listener, &endpoint);
    listener.set_nonblocking(false).unwrap();
    listener.set_read_timeout(Some(LIMIT)).unwrap(); // for accept, too
    assert!(listener.accept().is_ok());
}

/// Some systems allow this only to privileged processes. Then a backlog of 0 has to do, which lets one client in.
fn may_attach_filters() -> bool {
    listener().0.attach_filter(&without_first_segments()).is_ok()
}
