//! How to forward.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::help;
use super::time::some_time;

/// The variable that holds the secret for signatures, where no file does.
pub(in crate::cli) const SECRET: &str = "FEED_CONSUMER_FORWARD_SECRET";

/// The variable that holds the token for the target, where no file does.
pub(in crate::cli) const TOKEN: &str = "FEED_CONSUMER_FORWARD_TOKEN";

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = help::SINKS)]
pub(in crate::cli) struct ForwardArgs {
    #[arg(
        long,
        value_name = "URL",
        env = "FEED_CONSUMER_FORWARD",
        hide_env_values = true,
        help = "Post each event to this address, as a CloudEvent in binary mode",
        long_help = help::FORWARD
    )]
    pub(in crate::cli) forward: Option<String>,
    /// Sign what is forwarded with the secret in this file (or in FEED_CONSUMER_FORWARD_SECRET)
    ///
    /// Each request has a field `X-Hub-Signature-256: sha256=HEX`, an HMAC-SHA256 of the body as in
    /// WebSub. It covers the data of the event, and not its attributes. A line break at the end of
    /// the file does not belong to the secret.
    #[arg(long, value_name = "FILE", env = "FEED_CONSUMER_FORWARD_SECRET_FILE")]
    pub(in crate::cli) forward_secret_file: Option<PathBuf>,
    /// Send the target the token in this file (or in FEED_CONSUMER_FORWARD_TOKEN), as
    /// `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE", env = "FEED_CONSUMER_FORWARD_TOKEN_FILE")]
    pub(in crate::cli) forward_token_file: Option<PathBuf>,
    /// Send the target a header field more, `NAME: VALUE`, or those of a file, `@FILE`; repeatable
    ///
    /// Put a value that is a secret into a file, a field a line: other users of the machine can see
    /// the arguments of programs.
    #[arg(
        long = "forward-header",
        value_name = "FIELD",
        env = "FEED_CONSUMER_FORWARD_HEADER",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub(in crate::cli) forward_headers: Vec<String>,
    /// How long the target may take until it answers [default: 30s]
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_FORWARD_TIMEOUT")]
    pub(in crate::cli) forward_timeout: Option<ForwardTimeout>,
}

/// How long a target may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct ForwardTimeout(pub(in crate::cli) Duration);

impl FromStr for ForwardTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        some_time(text).map(Self)
    }
}
