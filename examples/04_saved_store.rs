//! A store that is saved when the last connection has ended: the number of visits, in the file `visits`. A service
//! that others have found closes after them, so what comes after `closing` sees all that they have done.
//!
//!     cargo run --example 04_saved_store -- --nodaemon
//!     nc localhost 10007

use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
use poetryd::service::{Application, BoxError, Context, ServiceFn};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

type Visits = Arc<AtomicU64>;

/// The store, from its start to its end.
async fn keep(visits: Visits, cx: Context) -> Result<(), BoxError> {
    match std::fs::read_to_string("visits") {
        Ok(text) => visits.store(text.trim().parse()?, Relaxed),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(format!("can't read the file visits: {e}").into()),
    }
    cx.ready();
    cx.closing().await;
    std::fs::write("visits", format!("{}\n", visits.load(Relaxed)))?;
    Ok(())
}

struct Visitors(Visits);

#[async_trait]
impl Protocol for Visitors {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        let number = self.0.fetch_add(1, Relaxed) + 1;
        Some(format!("You are visitor {number}\n").into())
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("visits");
    application.add("store", ServiceFn::sharing(Visits::default(), keep))?;
    let interface = Interface::resolve("localhost")?;
    let server = TcpServer::new(interface, 10007, |cx| Ok(Visitors(cx.find("store")?)));
    application.add("server", server)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("visitsd", "1.0", "Counts visits").built_in(application).main()
}
