//! From how it ended to one line and an exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use feed_consumer::{ConfigError, ConsumerError, Ended, StoreError};
use feed_protocol::Position;

/// Why the program did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failed {
    /// The command line asks for help or is wrong.
    CommandLine(Box<clap::Error>),
    /// The command line asks for what does not go together.
    Usage(String),
    /// A setting is wrong.
    Config(ConfigError),
    /// The subscription ended before its time.
    Subscription(Box<ConsumerError>),
    /// The system does not tell of signals.
    Signals(std::io::Error),
    /// A second signal came.
    Interrupted,
    /// Whoever read the output has left, before the end. The cursor stands here.
    Unread(Position),
    /// An examination has found what breaks a MUST, and said so.
    Examined,
}

impl Failed {
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
            Self::CommandLine(_) | Self::Usage(_) | Self::Config(_) => 2,
            Self::Subscription(error) => match &**error {
                ConsumerError::Store(StoreError::Setup { .. }) => 2,
                ConsumerError::Handler { .. } => 3,
                _ => 1,
            },
            Self::Signals(_) | Self::Interrupted | Self::Examined => 1,
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
            Self::Usage(message) => f.write_str(message),
            Self::Config(error) => match error.key() {
                "url" => write!(f, "URL (FEED_CONSUMER_URL): {}", error.message()),
                key => {
                    let (flag, variable) = (key.replace('_', "-"), key.to_ascii_uppercase());
                    write!(f, "--{flag} (FEED_CONSUMER_{variable}): {}", error.message())
                }
            },
            Self::Subscription(error) => {
                if let ConsumerError::Store(StoreError::Setup { .. }) = &**error {
                    f.write_str("--database (FEED_CONSUMER_DATABASE): ")?;
                }
                let error: &ConsumerError = error;
                chain(f, error)?;
                match error.remedy() {
                    Some(remedy) => write!(f, "; {remedy}"),
                    None => Ok(()),
                }
            }
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

/// An error and all its causes.
fn chain(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
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
        Ended::Idle => "everything that the feed holds is handled",
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
        Self::Config(error)
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
