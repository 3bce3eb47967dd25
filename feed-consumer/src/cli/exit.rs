//! From how it ended to one line and an exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use feed_consumer::{ConfigError, ConsumerError, CursorsError, Ended, ParkedError, StoreError};
use feed_protocol::Position;

use super::settings::Said;

/// Why the program did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failed {
    /// The command line asks for help or is wrong.
    CommandLine(Box<clap::Error>),
    /// The command line asks for what does not go together.
    Usage(String),
    /// The subscription ended before its time.
    Subscription(Box<ConsumerError>),
    /// A cursor could not be looked at, or moved.
    Cursors(Box<CursorsError>),
    /// Something about a parked event cannot be asked for.
    Parked(Box<ParkedError>),
    /// What was asked for was not done with some of the parked events, and it was said why.
    NotDone {
        /// With so many.
        failed: usize,
        /// Of so many.
        all: usize,
    },
    /// What was asked for is not done yet, or not any more.
    Unfinished(String),
    /// One of several subscriptions failed.
    Of {
        /// Its name.
        name: String,
        /// How.
        failed: Box<Failed>,
    },
    /// The system does not tell of signals.
    Signals(std::io::Error),
    /// The answer cannot be written, or read.
    Output(std::io::Error),
    /// A second signal came.
    Interrupted,
    /// Whoever read the output has left, before the end. The cursor stands here.
    Unread(Position),
    /// An examination has found what breaks a MUST, and said so.
    Examined,
}

impl Failed {
    /// The same of the subscription of this name, if it has one.
    pub(super) fn of(self, name: Option<&str>) -> Self {
        match name {
            None => self,
            Some(name) => Self::Of { name: name.to_owned(), failed: Box::new(self) },
        }
    }

    /// Says so on standard error, and in the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::CommandLine(error) if !is_mistake(error) => {
                // Help and version. When nobody listens, nobody misses it.
                let _ = error.print();
                ExitCode::from(u8::from(error.use_stderr()) * 2)
            }
            _ => {
                eprintln!("feed-consumer: {self}");
                ExitCode::from(self.code())
            }
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::CommandLine(_) | Self::Usage(_) => 2,
            Self::Subscription(error) => match &**error {
                ConsumerError::Store(StoreError::Setup { .. })
                | ConsumerError::Shards { .. }
                | ConsumerError::StartBeyondHead { .. }
                | ConsumerError::WithoutPositions { .. } => 2,
                ConsumerError::Handler { .. } => 3,
                _ => 1,
            },
            Self::Cursors(error) => match &**error {
                CursorsError::Config(_)
                | CursorsError::Store(StoreError::Setup { .. })
                | CursorsError::Unknown { .. }
                | CursorsError::NoShard { .. }
                | CursorsError::NotCut { .. }
                | CursorsError::BeyondHead { .. }
                | CursorsError::WithoutPositions { .. } => 2,
                _ => 1,
            },
            Self::Parked(error) => match &**error {
                ParkedError::Store(_) | ParkedError::Conflict { .. } => 1,
                _ => 2,
            },
            Self::NotDone { .. } | Self::Unfinished(_) => 1,
            Self::Of { failed, .. } => failed.code(),
            Self::Signals(_) | Self::Output(_) | Self::Interrupted | Self::Examined => 1,
            Self::Unread(_) => 4,
        }
    }
}

/// Whether the command line is wrong, rather than asking for help.
fn is_mistake(error: &clap::Error) -> bool {
    use clap::error::ErrorKind as Kind;
    !matches!(
        error.kind(),
        Kind::DisplayHelp | Kind::DisplayVersion | Kind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(error) => f.write_str(&one_line(&error.render().to_string())),
            Self::Usage(message) | Self::Unfinished(message) => f.write_str(message),
            Self::Subscription(error) => {
                if let ConsumerError::Store(StoreError::Setup { .. }) = &**error {
                    f.write_str("--database (FEED_CONSUMER_DATABASE): ")?;
                }
                let error: &ConsumerError = error;
                write!(f, "{}", Chain(error))?;
                match error.remedy() {
                    Some(remedy) => write!(f, "; {remedy}"),
                    None => Ok(()),
                }
            }
            Self::Cursors(error) => {
                if let CursorsError::Config(_) | CursorsError::Store(StoreError::Setup { .. }) =
                    &**error
                {
                    f.write_str("--database (FEED_CONSUMER_DATABASE): ")?;
                }
                let error: &CursorsError = error;
                write!(f, "{}", Chain(error))?;
                match error {
                    CursorsError::Unreadable(_) => {
                        f.write_str("; check the address and the server, and try again")
                    }
                    CursorsError::Discontinuity(error) => write!(f, "; {}", error.remedy()),
                    _ => Ok(()),
                }
            }
            Self::Parked(error) => write!(f, "{}", Chain(&**error)),
            Self::NotDone { failed, all: 1 } if *failed == 1 => {
                f.write_str("what was asked for was not done; see above")
            }
            Self::NotDone { failed, all } => write!(
                f,
                "what was asked for was not done with {failed} of {all} events; see above"
            ),
            Self::Of { name, failed } => write!(f, "subscription {name:?}: {failed}"),
            Self::Output(error) => write!(f, "the terminal or the pipe failed: {error}"),
            Self::Signals(error) => write!(f, "the system does not tell of signals: {error}"),
            Self::Unread(position) => write!(
                f,
                "nobody reads the output any more; what comes after position {position} is written \
                 again at the next start"
            ),
            Self::Examined => f.write_str("the feed breaks a MUST, or cannot be read"),
            Self::Interrupted => f.write_str(
                "ended at once, at a second signal; the event in hand will be handled again",
            ),
        }
    }
}

/// An error and all its causes, in one line.
pub(super) struct Chain<'a>(pub(super) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The message and the tips of clap, without its usage.
fn one_line(message: &str) -> String {
    let lines = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    format!("{} (see --help)", line.strip_prefix("error: ").unwrap_or(&line))
}

/// Why a subscription ended.
pub(super) fn reason(ended: Ended) -> &'static str {
    match ended {
        Ended::Idle => "everything that the feed holds is handled or parked",
        Ended::Shutdown => "a signal asked for it",
        _ => "as asked",
    }
}

impl From<clap::Error> for Failed {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(Box::new(error))
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::Usage(format!("{}: {}", Said::Flags.key(error.key()), error.message()))
    }
}

impl From<CursorsError> for Failed {
    fn from(error: CursorsError) -> Self {
        Self::Cursors(Box::new(error))
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        CursorsError::from(error).into()
    }
}

impl From<ParkedError> for Failed {
    fn from(error: ParkedError) -> Self {
        Self::Parked(Box::new(error))
    }
}

impl From<ConsumerError> for Failed {
    fn from(error: ConsumerError) -> Self {
        Self::Subscription(Box::new(error))
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Signals(error)
    }
}
