//! The commands of the binary.
//!
//! # Layout
//!
//! - [`args`]: what the command line and the environment say
//! - [`http_args`]: how requests are made, on the command line
//! - [`doctor`]: what a consumer may rely on of a feed
//! - [`exit`]: from how it ended to one line and an exit code
//! - [`signals`]: when to end
//! - [`terminal`]: logs and a progress bar on standard error

mod args;
mod doctor;
mod exit;
mod http_args;
mod signals;
mod terminal;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use feed_consumer::{Consumer, ConsumerBuilder, Ended, Exec, Handler, Print, Window};
use tracing::info;

use self::args::{Cli, Command, RunArgs, Sink, check_environment};
use self::exit::Failed;
use self::signals::Signals;
use self::terminal::Terminal;

/// Does what the command line says.
pub(crate) async fn run() -> ExitCode {
    match try_run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    }
}

async fn try_run() -> Result<(), Failed> {
    let cli = Cli::try_parse()?;
    check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let terminal = Terminal::new(cli.log_filter());
    match cli.command {
        Command::Run(args) => run_subscription(args, &terminal).await,
        Command::Doctor(args) => doctor::examine(args).await,
    }
}

async fn run_subscription(args: RunArgs, terminal: &Terminal) -> Result<(), Failed> {
    let builder = Consumer::builder(&args.url)
        .group(&args.group)
        .database(&args.database)
        .start(args.from)
        .schedule(args.schedule)
        .until_idle(args.until_idle)
        .http(args.cache.add_to(args.http.options()));
    let builder = match args.give_up_after {
        Some(limit) => builder.give_up_after(limit.0),
        None => builder,
    };
    let shows_events = matches!(args.sink()?, Sink::Print) && std::io::stdout().is_terminal();
    match args.sink()? {
        Sink::Print => {
            let builder = builder.handler(Print::new(tokio::io::stdout()));
            run_to_end(builder, terminal, !shows_events).await
        }
        Sink::Exec(command) => {
            let builder = builder.handler(Exec::new(command)).window(Window::ONE);
            run_to_end(builder, terminal, true).await
        }
    }
}

async fn run_to_end<H: Handler>(
    builder: ConsumerBuilder<H>,
    terminal: &Terminal,
    with_progress: bool,
) -> Result<(), Failed> {
    let consumer = builder.build()?;
    let signals = Signals::listen()?;
    let progress = with_progress.then(|| terminal.show_progress(consumer.progress()));
    let ended = tokio::select! {
        ended = consumer.run(signals.first()) => ended,
        () = signals.second() => return Err(Failed::Interrupted),
    };
    drop(progress);
    let summary = ended?;
    if summary.ended == Ended::Closed {
        return Err(Failed::Unread(summary.position));
    }
    info!(
        handled = summary.handled,
        position = %summary.position,
        "ended: {}",
        exit::reason(summary.ended)
    );
    Ok(())
}
