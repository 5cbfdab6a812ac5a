//! Tokio's plain loop: accept a client, send it a poem in a task, close. It writes no log. This program
//! starts itself again as that server.

use crate::arena::contenders::{Contender, POEM};
use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::runtime::Builder;

/// The option that makes this program that server, before PORT and PIDFILE.
const OPTION: &str = "--plain-tokio";

/// As poetryd's.
const BACKLOG: u32 = 4096;

pub fn plain_tokio(port: u16) -> Contender {
    let contender = Contender::new("plain Tokio", "tokio.pid", port);
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().expect("a path in UTF-8");
    contender.runs_in_the_background(&[program, OPTION, &port.to_string(), "tokio.pid"])
}

/// If this process was started as the server, serves until SIGTERM, and does not return.
pub fn serve_if_told() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [option, port, pid_file] = &arguments[..] else { return };
    if option != OPTION {
        return;
    }
    let terms = SigSet::from(Signal::SIGTERM);
    terms.thread_block().unwrap(); // before there are threads, which inherit it
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
    let port = port.to_str().and_then(|port| port.parse().ok()).expect("a port");
    let serving = runtime.spawn(serve(port));
    fs::write(pid_file, process::id().to_string()).unwrap();
    terms.wait().unwrap();
    serving.abort();
    fs::remove_file(pid_file).unwrap();
    process::exit(0)
}

async fn serve(port: u16) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener = socket.listen(BACKLOG)?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let _ = client.write_all(POEM).await;
        });
    }
}
