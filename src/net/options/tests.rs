use super::*;
use clap::{Command, FromArgMatches};

#[test]
fn the_defaults_of_the_command_line_are_the_defaults() {
    let command = ServerOptions::augment_args(Command::new(""));
    let matches = command.get_matches_from([""]);
    assert_eq!(ServerOptions::from_arg_matches(&matches).unwrap(), ServerOptions::default());
}
