//! All of it together: a key-value daemon, `SET KEY VALUE` and `GET KEY`, whose values are saved when the last
//! connection has ended. It is a plugin and a kind of service.
//!
//!     cargo run --example 14_key_value -- --nodaemon values --port 10007 --file values.txt
//!     printf 'SET tea hot\nGET tea\n' | nc -N localhost 10007

use poetryd::config::{Kind, Section};
use poetryd::net::{Connection, Lines, Listen, Protocol};
use poetryd::service::{BoxError, Context, MultiService, Service, ServiceFn};
use poetryd::{Program, async_trait, clap};
use std::sync::{Arc, Mutex, PoisonError};

/// What can be said about it on a command line and in an application file.
#[derive(clap::Args, Debug, PartialEq)]
struct KeyValue {
    #[command(flatten)]
    listen: Listen,
    /// The file that the values are loaded from, and saved to
    #[arg(long, value_name = "FILE")]
    file: std::path::PathBuf,
}

impl Kind for KeyValue {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.args()
    }

    fn service(&self) -> Box<dyn Service> {
        let values = Values { file: self.file.clone(), map: Mutex::default() };
        let store = ServiceFn::sharing(Arc::new(values), Values::keep);
        let server = self.listen.clone().server(|cx| Ok(cx.find::<Arc<Values>>("store")?));
        Box::new(MultiService::from([("store", store.into()), ("server", server.into())]))
    }
}

#[async_trait]
impl Protocol for Values {
    async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
        self.answer_all(connection.lines(1000)).await // bytes in a line, at most
    }
}

fn main() -> std::process::ExitCode {
    Program::new("keysd", "1.0", "Keeps values").kind::<KeyValue>("values", "Keeps values").main()
}

// Everything above makes it a daemon; everything below is what it does.

struct Values {
    file: std::path::PathBuf,
    map: Mutex<std::collections::BTreeMap<String, String>>,
}

impl Values {
    async fn answer_all(&self, mut requests: Lines<'_>) -> std::io::Result<()> {
        while let Some(request) = requests.next().await? {
            requests.send(self.answer(&request) + "\n").await?;
        }
        Ok(())
    }

    fn answer(&self, request: &str) -> String {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = request.splitn(3, ' ').collect();
        match words[..] {
            ["GET", key] => map.get(key).map_or("NONE".into(), |value| format!("VALUE {value}")),
            ["SET", key, value] => {
                map.insert(key.into(), value.into());
                "STORED".into()
            }
            _ => "ERROR expected SET KEY VALUE or GET KEY".into(),
        }
    }

    /// Loads the values, waits until the last connection has ended, and saves them.
    async fn keep(self: Arc<Self>, cx: Context) -> Result<(), BoxError> {
        self.load().map_err(|e| format!("can't load {}: {e}", self.file.display()))?;
        cx.ready();
        cx.closing().await;
        self.save().map_err(|e| format!("can't save {}: {e}", self.file.display()).into())
    }

    fn load(&self) -> std::io::Result<()> {
        let text = match std::fs::read_to_string(&self.file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()), // the first start
            text => text?,
        };
        let values = text.lines().filter_map(|line| line.split_once(' '));
        let values = values.map(|(key, value)| (key.into(), value.into()));
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) = values.collect();
        Ok(())
    }

    /// Beside the old file first: whatever happens meanwhile, one of them is whole.
    fn save(&self) -> std::io::Result<()> {
        let map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = map.iter().map(|(key, value)| format!("{key} {value}\n"));
        let new = self.file.with_added_extension("new");
        std::fs::write(&new, lines.collect::<String>())?;
        std::fs::rename(new, &self.file)
    }
}
