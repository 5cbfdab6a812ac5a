use super::*;
use socket2::{Domain, Type};
use std::io::ErrorKind;
use std::io::Read;
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

#[test]
fn nobody_waits_for_ever_whose_handshake_ends_just_when_the_socket_is_closed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    for round in 0..300 {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap(); // the port keeps its number
        listener.bind(&address.into()).unwrap();
        let _ = listener.attach_filter(&slow_for_last_segments()); // makes it likely
        listener.listen(8).unwrap();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.read(&mut [0])
        });
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_micros(7 * round % 600) {}
        close_for_good(Arc::new(listener), &Endpoint::Tcp(address), None);
        let error = client.join().unwrap().unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "round {round}");
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that takes some time over the last segment of a handshake, and passes all.
fn slow_for_last_segments() -> Vec<SockFilter> {
    let [load, mask, ..] = without_first_segments();
    let is_first = SockFilter::new((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, 1, SYN);
    let pass = || SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, u32::MAX);
    let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM) as u32;
    let slow =
        || SockFilter::new((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, random);
    let mut steps = vec![load, mask, is_first, pass()];
    steps.extend((0..4000).map(|_| slow()));
    steps.push(pass());
    steps
}

/// Some systems allow this only to privileged processes. Then a backlog of 0 has to do, which lets one client in.
fn may_attach_filters() -> bool {
    listener().0.attach_filter(&without_first_segments()).is_ok()
}
