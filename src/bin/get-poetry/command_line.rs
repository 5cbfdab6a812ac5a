//! What the command line asks for.

pub use crate::options::CommandLine;
use crate::request::Transformer;
use crate::waiting::{Enough, Terms};
use poetryd::poetry::fetch::Limits;

impl CommandLine {
    pub fn enough(&self) -> Enough {
        match (self.first, self.fail_fast) {
            (true, _) => Enough::FirstPoem,
            (_, true) => Enough::FirstFailure,
            _ => Enough::All,
        }
    }

    pub fn terms(&self) -> Terms {
        Terms {
            enough: self.enough(),
            unordered: self.unordered || self.first,
            collect: self.collect,
            max_time: self.max_time,
        }
    }

    /// Whether anything will be printed on standard output.
    pub fn prints(&self) -> bool {
        self.json || self.output_dir.is_none()
    }

    pub fn transformer(&self) -> Option<Transformer<'_>> {
        let name = &self.transform_name;
        self.transform.as_ref().map(|address| Transformer { address, name })
    }

    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            connect_timeout: self.timeout.unwrap_or(default.connect_timeout),
            silence_timeout: self.timeout.unwrap_or(default.silence_timeout),
            max_length: self.max_length.unwrap_or(default.max_length),
        }
    }
}
