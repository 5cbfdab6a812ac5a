//! A server on UDP: it answers each datagram with the same bytes in upper case.
//!
//!     cargo run --example 08_udp -- --nodaemon
//!     echo hello | nc -u -w1 localhost 10007

use bytes::Bytes;
use poetryd::Program;
use poetryd::net::{Interface, Responder, UdpServer};
use poetryd::service::{Application, BoxError};
use std::net::SocketAddr;
use std::process::ExitCode;

struct Upper;

impl Responder for Upper {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        Some(datagram.to_ascii_uppercase().into())
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("upper");
    let server = UdpServer::new(Interface::resolve("localhost")?, 10007, |_| Ok(Upper));
    application.add("upper", server)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("upperd", "1.0", "Answers in upper case").built_in(application).main()
}
