//! The program, with its kinds of service.

use crate::support::{Foreground, Sandbox, command};
use poetryd::config::{Kind, ProtocolKind, Registry, Section, read};
use poetryd::daemon::Environment;
use poetryd::net::{Connection, Protocol};
use poetryd::service::{BoxError, Context, Service, ServiceFn};
use poetryd::{Program, async_trait};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::sleep;

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let mut registry = Registry::new();
    poetryd::poetry::register(&mut registry);
    registry.kind::<Failing>("failing").kind::<Store>("store").kind::<Blocking>("blocking");
    registry.kind::<Restarting>("restarting").kind::<Starting>("starting");
    registry.protocol::<Set>("set");
    let program =
        Program::new("grove", "1.0", "Has services that fail and block").registry(registry);
    program.run(environment, std::env::args_os())
}

/// This program with an application file.
pub fn grove(sandbox: &Sandbox, file: &str) -> Command {
    sandbox.write("grove.toml", file);
    let mut grove = command(std::env::current_exe().unwrap());
    grove.args(["--nodaemon", "grove.toml"]).current_dir(sandbox.path(""));
    grove.env("GROVE", "1").env("HOME", sandbox.path(""));
    grove
}

pub fn start(sandbox: &Sandbox, file: &str) -> Foreground {
    Foreground::start(grove(sandbox, file)).ready()
}

/// The command `grove NAME` for the one that runs there.
pub fn ask(sandbox: &Sandbox, name: &str) -> Command {
    let mut grove = command(std::env::current_exe().unwrap());
    grove.arg(name).current_dir(sandbox.path(""));
    grove.env("GROVE", "1").env("HOME", sandbox.path(""));
    grove
}

/// `kind = "starting"`: its start fails or hangs.
#[derive(Debug, PartialEq)]
struct Starting {
    hangs: bool,
}

impl Kind for Starting {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { hangs: section.optional("hangs", read::boolean).unwrap_or(false) })
    }

    fn service(&self) -> Box<dyn Service> {
        let hangs = self.hangs;
        Box::new(ServiceFn::ready_when_said(move |_| async move {
            tracing::info!("is starting");
            if hangs {
                std::future::pending::<()>().await;
            }
            Err("no more ink".into())
        }))
    }
}

/// `kind = "failing"`: fails a moment after each of its first starts, `times` of them.
#[derive(Debug, PartialEq)]
struct Failing {
    times: u64,
}

impl Kind for Failing {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { times: section.required("times", read::integer(0..=1_000_000))? })
    }

    fn service(&self) -> Box<dyn Service> {
        let times = self.times;
        Box::new(ServiceFn::new(move |cx| async move {
            let runs = cx.counter("runs", "How often it has run.");
            runs.add(1);
            if runs.get() <= times {
                sleep(Duration::from_millis(5)).await;
                return Err(format!("out of ink for the {}. time", runs.get()).into());
            }
            cx.closing().await;
            Ok(())
        }))
    }
}

/// `kind = "restarting"`: restarts another service, `times` times, and then says so.
#[derive(Debug, PartialEq)]
struct Restarting {
    service: String,
    times: u64,
}

impl Kind for Restarting {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let service = section.required("service", read::word);
        let times = section.required("times", read::integer(0..=1_000_000));
        Some(Self { service: service?, times: times? })
    }

    fn service(&self) -> Box<dyn Service> {
        let (service, times) = (self.service.clone(), self.times);
        Box::new(ServiceFn::new(move |cx| {
            let service = service.parse();
            async move {
                cx.all_started().await;
                let service = service?;
                for _ in 0..times {
                    cx.tree().restart(&service).await?;
                    sleep(Duration::from_millis(2)).await;
                }
                tracing::info!("enough restarts");
                Ok(())
            }
        }))
    }
}

/// What clients have stored.
type Map = Arc<Mutex<BTreeMap<String, String>>>;

/// `kind = "store"`: values in memory, which are loaded at the start and saved at the end. Two at a time would lose
/// some.
#[derive(Debug, PartialEq)]
struct Store {
    file: PathBuf,
    /// A setting that can be changed, and that changes nothing.
    generation: Option<u64>,
}

impl Kind for Store {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let generation = section.optional("generation", read::integer(0..=1_000_000));
        Some(Self { file: section.required("file", read::path)?, generation })
    }

    fn service(&self) -> Box<dyn Service> {
        let file = self.file.clone();
        let keep = move |map: Map, cx: Context| {
            let file = file.clone();
            async move {
                load(&file, &map)?;
                cx.ready();
                cx.closing().await;
                let lines = map
                    .lock()
                    .unwrap()
                    .iter()
                    .map(|(key, value)| format!("{key} {value}\n"))
                    .collect::<String>();
                Ok(std::fs::write(file, lines)?)
            }
        };
        Box::new(ServiceFn::sharing(Map::default(), keep))
    }

    fn handle() -> Option<TypeId> {
        Some(TypeId::of::<Map>())
    }
}

fn load(file: &Path, map: &Map) -> io::Result<()> {
    let text = match std::fs::read_to_string(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let values = text.lines().filter_map(|line| line.split_once(' '));
    *map.lock().unwrap() = values.map(|(key, value)| (key.into(), value.into())).collect();
    Ok(())
}

/// `protocol = "set"`: lines `KEY VALUE`, each answered by `stored KEY` when it is.
#[derive(Debug, PartialEq)]
struct Set {
    store: String,
}

impl ProtocolKind for Set {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { store: section.service::<Map>("store", "store")? })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(Setter(cx.find(&self.store)?)))
    }
}

struct Setter(Map);

#[async_trait]
impl Protocol for Setter {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let stopping = connection.stopping();
        let mut lines = BufReader::new(connection).lines();
        tokio::pin!(stopping);
        let mut requests_left = None;
        // A client may have sent some requests when the daemon is told to stop: these are answered still.
        while requests_left != Some(0) {
            let line = tokio::select! {
                line = lines.next_line() => line?,
                () = &mut stopping, if requests_left.is_none() => {
                    requests_left = Some(100);
                    continue;
                }
            };
            requests_left = requests_left.map(|left: u32| left - 1);
            let Some(line) = line else { return Ok(()) };
            let Some((key, value)) = line.split_once(' ') else { return Ok(()) };
            self.0.lock().unwrap().insert(key.into(), value.into());
            lines.get_mut().write_all(format!("stored {key}\n").as_bytes()).await?;
        }
        Ok(())
    }
}

/// `kind = "blocking"`: blocks the first worker, and lets a thread of its own look at the tree meanwhile.
#[derive(Debug, PartialEq)]
struct Blocking {
    seconds: Duration,
}

impl Kind for Blocking {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { seconds: section.required("seconds", read::seconds)? })
    }

    fn service(&self) -> Box<dyn Service> {
        let seconds = self.seconds;
        Box::new(ServiceFn::new(move |cx| async move {
            cx.all_started().await;
            let tree = cx.tree().clone();
            cx.status("blocks now");
            thread::spawn(move || {
                loop {
                    let states = tree.list().into_iter().map(|service| {
                        let status = service.status.unwrap_or_default();
                        format!("{} {} {status}\n", service.path, service.state)
                    });
                    let mut file = std::fs::File::create("states.new")?;
                    file.write_all(states.collect::<String>().as_bytes())?;
                    std::fs::rename("states.new", "states")?;
                    thread::sleep(Duration::from_millis(20));
                }
                #[allow(unreachable_code)] // says the type of the errors above
                io::Result::Ok(())
            });
            thread::sleep(seconds);
            Ok(())
        }))
    }
}
