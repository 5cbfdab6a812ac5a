use super::*;
use clap::{Arg, Command};

/// The default value of the option with this index, parsed from its description.
struct DefaultOf(usize);

impl Asked for DefaultOf {
    fn ask<T: Clone + Send + Sync + 'static>(&mut self, option: Described<T>) -> Option<T> {
        let is_it = self.0 == 0;
        self.0 = self.0.wrapping_sub(1);
        let default = option.info.default.filter(|default| is_it && !default.contains(' '))?;
        let command = Command::new("").arg(Arg::new("it").value_parser(option.value_type.typed));
        Some(command.get_matches_from(["", default]).get_one::<T>("it")?.clone())
    }
}

#[test]
fn the_defaults_that_the_help_shows_are_the_defaults() {
    let settings = |options: Options| options.check("NAME").unwrap();
    let mut said = 0;
    for (number, option) in Options::all().iter().enumerate() {
        let options = Options::ask(&mut DefaultOf(number));
        said += options.given().len();
        assert_eq!(settings(options), settings(Options::default()), "{option}");
    }
    assert!(said >= 6, "only {said} defaults are values");
}

#[test]
fn no_two_options_have_the_same_name() {
    let all = Options::all();
    for (number, option) in all.iter().enumerate() {
        for other in &all[..number] {
            let same_long = option.long.is_some() && option.long == other.long;
            let same_short = option.short.is_some() && option.short == other.short;
            let same_key = (option.table, option.key) == (other.table, other.key);
            assert!(!same_long && !same_short && !same_key, "{option} and {other}");
        }
    }
}
