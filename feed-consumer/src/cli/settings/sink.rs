//! What is done with events.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use feed_consumer::Forward;

use super::Said;
use crate::cli::args::forward::{ForwardTimeout, SECRET, TOKEN};
use crate::cli::exit::Failed;

/// What is done with events.
#[derive(Debug)]
pub(in crate::cli) enum Sink {
    /// They are written to standard output.
    Print,
    /// This command runs for each.
    Exec(String),
    /// They are posted.
    Forward(Box<Forward>),
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Print => "print events",
            Self::Exec(_) => "run a command for events",
            Self::Forward(_) => "forward events",
        })
    }
}

/// How to forward, as it is said.
#[derive(Debug, Default)]
pub(super) struct ForwardDraft {
    pub(super) target: Option<String>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) headers: Vec<String>,
    pub(super) timeout: Option<ForwardTimeout>,
}

impl Sink {
    /// The one of them that is said.
    pub(super) fn new(
        said: &Said,
        print: bool,
        exec: Option<String>,
        forward: ForwardDraft,
    ) -> Result<Self, Failed> {
        if forward.target.is_none()
            && let Some(key) = forward.some_key()
        {
            return Err(wrong(
                said,
                key,
                format!("there is no {}: add it", key_of(said, "forward")),
            ));
        }
        let keys = ["print", "exec", "forward"];
        let are_said = [print, exec.is_some(), forward.target.is_some()];
        let mut said_keys = keys.iter().zip(are_said).filter(|(_, it)| *it).map(|(key, _)| *key);
        if let (Some(one), Some(other)) = (said_keys.next(), said_keys.next()) {
            return Err(Failed::Usage(format!(
                "{} and {}: events can go to one of them: leave the other out",
                said.key(one),
                key_of(said, other)
            )));
        }
        if print {
            return Ok(Self::Print);
        }
        if let Some(command) = exec {
            return match command.trim() {
                "" => Err(wrong(said, "exec", "it is empty: name a command")),
                command => Ok(Self::Exec(command.to_owned())),
            };
        }
        if forward.target.is_some() {
            return Ok(Self::Forward(Box::new(forward.complete(said)?)));
        }
        Err(Failed::Usage(match said {
            Said::Flags => "nothing is to be done with events: add --print to write them to \
                            standard output, --exec COMMAND to run a command for each, or --forward \
                            URL to post each"
                .to_owned(),
            Said::File { .. } => format!(
                "{said}: nothing is to be done with events: add print = true, exec = \"COMMAND\" or \
                 forward = \"URL\""
            ),
        }))
    }
}

impl ForwardDraft {
    /// A setting that has no meaning without a target.
    fn some_key(&self) -> Option<&'static str> {
        [
            ("forward_secret_file", self.secret_file.is_some()),
            ("forward_token_file", self.token_file.is_some()),
            ("forward_headers", !self.headers.is_empty()),
            ("forward_timeout", self.timeout.is_some()),
        ]
        .into_iter()
        .find_map(|(key, is_said)| is_said.then_some(key))
    }

    fn complete(self, said: &Said) -> Result<Forward, Failed> {
        let target = self.target.unwrap_or_default();
        let mut forward = Forward::new(&target).map_err(|error| wrong(said, "forward", error))?;
        if let Some(secret) = secret(said, "forward_secret_file", self.secret_file, SECRET)? {
            let signing = forward.sign_with(secret.text);
            forward = signing.map_err(|error| wrong_at(&secret.place, error))?;
        }
        if let Some(token) = secret(said, "forward_token_file", self.token_file, TOKEN)? {
            let with = forward.bearer(&token.text);
            forward = with.map_err(|error| wrong_at(&token.place, error))?;
        }
        let key = "forward_headers";
        for field in fields(said, key, &self.headers)? {
            let Some((name, value)) = field.split_once(':') else {
                let message = "a field is not 'NAME: VALUE', and '@FILE' names a file of them";
                return Err(wrong(said, key, message));
            };
            let with = forward.header(name.trim(), value.trim());
            forward = with.map_err(|error| wrong(said, key, error))?;
        }
        Ok(match self.timeout {
            Some(ForwardTimeout(limit)) => forward.timeout(limit),
            None => forward,
        })
    }
}

/// A secret, and where it comes from.
struct Secret {
    text: String,
    place: String,
}

/// The secret in a file, or else in a variable, which only a subscription of the command line has.
fn secret(
    said: &Said,
    key: &str,
    file: Option<PathBuf>,
    variable: &str,
) -> Result<Option<Secret>, Failed> {
    let place = said.key(key);
    if let Some(file) = file {
        let text = read(&file).map_err(|error| wrong_at(&place, error))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
        return Ok(Some(Secret { text, place }));
    }
    if *said != Said::Flags {
        return Ok(None);
    }
    match std::env::var(variable) {
        Ok(text) => Ok(Some(Secret { text, place: variable.to_owned() })),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(wrong_at(variable, "it is not UTF-8")),
    }
}

/// The header fields that are said, and those in files.
fn fields(said: &Said, key: &str, fields: &[String]) -> Result<Vec<String>, Failed> {
    let mut all = Vec::new();
    for field in fields {
        match field.strip_prefix('@') {
            None => all.push(field.clone()),
            Some(file) => {
                let text = read(Path::new(file)).map_err(|error| wrong(said, key, error))?;
                all.extend(text.lines().filter(|it| !it.trim().is_empty()).map(str::to_owned));
            }
        }
    }
    Ok(all)
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))
}

/// A setting beside one that has been named already.
fn key_of(said: &Said, key: &str) -> String {
    match said {
        Said::Flags => said.key(key),
        Said::File { .. } => key.to_owned(),
    }
}

fn wrong(said: &Said, key: &str, message: impl Display) -> Failed {
    wrong_at(&said.key(key), message)
}

fn wrong_at(place: &str, message: impl Display) -> Failed {
    Failed::Usage(format!("{place}: {message}"))
}
