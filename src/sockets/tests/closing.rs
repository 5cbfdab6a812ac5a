//! What happens to a listening socket of which somebody still has a descriptor.

use super::*;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn one_that_nobody_uses_any_more_ceases_to_listen_before_its_port_is_given_up() {
    let (runtime, sockets) = (runtime(), Sockets::new());
    let _entered = runtime.enter();
    let lent = open(&sockets, "one", &tcp("127.0.0.1:0"));
    let descriptor = TcpListener::from(lent.as_fd().try_clone_to_owned().unwrap());
    drop(lent);
    assert_eq!(descriptor.accept().unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn one_that_a_library_has_a_duplicate_of_listens_until_that_is_closed() {
    let (runtime, sockets) = (runtime(), Sockets::new());
    let _entered = runtime.enter();
    let lent = open(&sockets, "one", &tcp("127.0.0.1:0"));
    let listener = lent.tcp_listener().unwrap();
    drop(lent);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(listener.accept().is_ok());
}

#[test]
fn one_of_a_socket_unit_listens_for_others() {
    let (runtime, listener) = (runtime(), TcpListener::bind("127.0.0.1:0").unwrap());
    let _entered = runtime.enter();
    let sockets = Sockets::of_process(vec![inherited(&listener, None)], None);
    let address = listener.local_addr().unwrap();
    drop(open(&sockets, "one", &Endpoint::Tcp(address)));
    sockets.close_unwanted();
    assert!(sockets.list().is_empty());
    let _client = TcpStream::connect(address).unwrap();
    assert!(listener.accept().is_ok());
}
