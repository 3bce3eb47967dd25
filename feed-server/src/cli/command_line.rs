//! What the command line and the environment say, or one line that says what is wrong with them.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Failed;
use crate::config::ServeArgs;

/// The settings of `serve`, without a command that could state them as flags.
#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Reads a command line. Help and the version are printed, and end the program.
pub(super) fn parse<P: Parser>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<P, Failed> {
    P::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => Failed::Usage(anyhow::anyhow!(one_line(&error))),
    })
}

/// What the environment says of serving, for every command that is not `serve`.
pub(super) fn settings_of_environment() -> Result<ServeArgs, Failed> {
    parse::<Settings>(["feed-server"]).map(|settings| settings.serve)
}

/// The message and the tips of clap, without its usage.
fn one_line(error: &Error) -> String {
    let message = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("a command is missing: {} (see --help)", commands(&message));
    }
    let lines = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut line = lines.collect::<Vec<_>>().join(" ");
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && is_of_serve(argument)
    {
        line.push_str(&format!("; it is one of 'feed-server serve {argument} ...'"));
    }
    format!("{} (see --help)", line.strip_prefix("error: ").unwrap_or(&line))
}

/// Whether `serve` has this argument: `feed-server` alone serves too, but takes none.
fn is_of_serve(argument: &str) -> bool {
    let settings = Settings::command();
    let name = argument.trim_start_matches('-');
    settings.get_arguments().any(|it| it.get_long() == Some(name))
}

/// The commands that a help text lists.
fn commands(help: &str) -> String {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.map_while(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        Settings::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (arguments, says) in [
            (&["serve", "--listen", "nonsense"][..], "--listen"),
            (&["serve", "--lisen", "127.0.0.1:1"], "--listen"),
            (&["import", "orders"], "--from"),
            (&["serv"], "serve"),
            (&["--listen", "127.0.0.1:1"], "it is one of 'feed-server serve --listen ...'"),
        ] {
            let line = ["feed-server"].iter().chain(arguments);
            let Err(Failed::Usage(error)) = parse::<Cli>(line) else { panic!("{arguments:?}") };
            let error = error.to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
    }
}
