//! The log, on standard error.

mod json;

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::prelude::*;

use json::Json;

/// How the log is written.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LogArgs {
    /// Write the log for people, or as a JSON object a line
    #[arg(
        long,
        env = "FEED_SERVER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LogFormat {
    #[default]
    Text,
    Json,
}

impl LogArgs {
    /// Logs what `RUST_LOG` asks for (`debug`, or `feed_server=debug,info`); information otherwise.
    pub(super) fn start(&self) {
        let stated = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
        // What sqlx warns of, such as each of many connections that are lost at once, this program
        // says itself, once.
        let filter = stated.unwrap_or_else(|| {
            Targets::new().with_default(LevelFilter::INFO).with_target("sqlx", LevelFilter::ERROR)
        });
        let layer = layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
        let layer = match self.log_format {
            LogFormat::Text => layer.boxed(),
            LogFormat::Json => layer.with_ansi(false).event_format(Json).boxed(),
        };
        tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    }
}
