//! Variables that look like settings and are none.

use clap::CommandFactory;

use super::Cli;
use super::forward::{SECRET, TOKEN};
use crate::cli::exit::Failed;

/// What the names of all variables begin with.
const PREFIX: &str = "FEED_CONSUMER_";

/// Refuses variables that look like settings and are none: a misspelt one would be passed over in
/// silence.
pub(in crate::cli) fn check(names: impl Iterator<Item = String>) -> Result<(), Failed> {
    let mut known = vec![SECRET.to_owned(), TOKEN.to_owned()];
    collect(&Cli::command(), &mut known);
    known.sort();
    known.dedup();
    for name in names {
        if name.starts_with(PREFIX) && !known.contains(&name) {
            return Err(Failed::Usage(format!(
                "the environment sets {name}, which is no setting: unset it, or name one of \
                 {known:?}"
            )));
        }
    }
    Ok(())
}

fn collect(command: &clap::Command, known: &mut Vec<String>) {
    let variables = command.get_arguments().filter_map(|it| it.get_env()?.to_str());
    known.extend(variables.map(str::to_owned));
    for command in command.get_subcommands() {
        collect(command, known);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_unknown_variable_is_refused_by_name() {
        let check = |names: &[&str]| super::check(names.iter().map(|it| (*it).to_owned()));
        check(&["PATH", "FEED_SERVER_LISTEN", "FEED_CONSUMER_LOG", "FEED_CONSUMER_GROUP"]).unwrap();
        check(&["FEED_CONSUMER_CONFIG", "FEED_CONSUMER_FORWARD_SECRET"]).unwrap();
        let error = check(&["FEED_CONSUMER_GRUOP"]).unwrap_err().to_string();
        assert!(error.contains("FEED_CONSUMER_GRUOP"), "{error}");
        assert!(error.contains("\"FEED_CONSUMER_GROUP\""), "{error}");
    }
}
