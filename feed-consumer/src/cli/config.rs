//! `feed-consumer config`

use std::io::Write;

use super::args::run::RunArgs;
use super::args::{ConfigCommand, PlaceArgs};
use super::exit::Failed;
use super::run::prepare;
use super::settings::{self, EXAMPLE};

pub(super) fn run(command: &ConfigCommand, place: &PlaceArgs) -> Result<(), Failed> {
    let mut out = std::io::stdout();
    let text = match command {
        ConfigCommand::Example => EXAMPLE.to_owned(),
        ConfigCommand::Check => check(place)?,
    };
    out.write_all(text.as_bytes()).map_err(Failed::Output)
}

/// A line for each subscription that would run.
fn check(place: &PlaceArgs) -> Result<String, Failed> {
    if place.config.is_none() {
        return Err(Failed::Usage(
            "--config (FEED_CONSUMER_CONFIG): it is missing: name the file to check; `feed-consumer \
             config example` prints one"
                .to_owned(),
        ));
    }
    let mut text = String::new();
    for subscription in settings::load(&RunArgs::of_environment()?, place)? {
        let name = subscription.said.name().unwrap_or_default().to_owned();
        let (group, database) = (subscription.group.clone(), subscription.database.clone());
        let sink = subscription.sink.to_string();
        let prepared = prepare(subscription, std::future::pending())?;
        let url = prepared.url;
        text += &format!(
            "ok: {name} would {sink} from {url} as the group {group}, with cursors in {database}\n"
        );
    }
    Ok(text)
}
