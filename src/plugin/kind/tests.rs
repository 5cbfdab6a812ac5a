use super::*;
use crate::config::Section;
use crate::service::{MultiService, Service};
use std::any::Any;

#[derive(Args, Clone, Debug, Default, PartialEq)]
struct Files {
    #[arg(value_name = "FILE")]
    first: Option<PathBuf>,
    #[arg(short, num_args = 1..)]
    more: Vec<PathBuf>,
    #[arg(long, default_value = "a default")]
    other: PathBuf,
    #[arg(long, default_value = "-")]
    text: String,
    #[arg(long)]
    flag: bool,
    #[arg(short, action = ArgAction::Count)]
    count: u8,
}

impl Kind for Files {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.args()
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(MultiService::new())
    }
}

/// The settings of the service that the plugin makes of these words, typed in `/here`.
fn made(words: &[&str]) -> Files {
    let maker = KindMaker::<Files>::new("files", "Nothing");
    let words = ["files"].iter().chain(words);
    let matches = maker.augment(Command::new("files")).try_get_matches_from(words).unwrap();
    let made = maker.make(&matches, &MakeContext::new(Some("/here".into()))).unwrap();
    let settings = made.services().settings("files").unwrap();
    let settings: &dyn Any = &*settings;
    settings.downcast_ref::<Files>().unwrap().clone()
}

#[test]
fn a_file_name_is_relative_to_where_it_was_typed_and_a_default_to_the_rundir() {
    let (other, text) = ("a default".into(), "-".to_owned());
    let default = Files { other, text, ..Files::default() };
    assert_eq!(made(&[]), default);
    let first = Some("/here/-x".into());
    assert_eq!(made(&["--", "-x"]), Files { first, ..default.clone() });
    let more = vec!["/here/a".into(), "/b".into(), "-".into()];
    assert_eq!(made(&["-m", "a", "/b", "-"]), Files { more, ..default.clone() });
    assert_eq!(made(&["--other", "x"]), Files { other: "/here/x".into(), ..default });
}

#[test]
fn everything_else_stays_as_it_was_typed() {
    let files = made(&["--flag", "-ccc", "--text=--x=y"]);
    assert_eq!((files.flag, files.count, &*files.text), (true, 3, "--x=y"));
}
