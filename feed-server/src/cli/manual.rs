//! `feed-server completions` and `feed-server man`

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failed};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder, instead of the first one to standard output
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<(), Failed> {
    // Collected first: what makes them ends the program when nobody reads on.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "feed-server", &mut script);
    write(&script)
}

pub(super) fn man(args: &ManArgs) -> Result<(), Failed> {
    let command = Cli::command();
    if let Some(folder) = &args.to {
        return clap_mangen::generate_to(command, folder)
            .with_context(|| format!("--to: cannot write to {}", folder.display()))
            .map_err(Failed::Usage);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| Failed::Run(error.into()))?;
    write(&page)
}

fn write(bytes: &[u8]) -> Result<(), Failed> {
    io::stdout().write_all(bytes).map_err(|error| Failed::Run(error.into()))
}
