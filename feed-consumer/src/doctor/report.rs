//! Verdicts, and how they are shown.

use std::fmt;

use serde_json::{Value, json};

/// What is to be thought of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// A consumer can live with it, and has less of the feed. A SHOULD is broken, for instance.
    Warning,
    /// A MUST is broken, or the feed cannot be read.
    Fails,
}

impl Verdict {
    /// The word for it: `ok`, `note`, `warning` or `fails`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fails => "fails",
        }
    }
}

/// What was found by one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    reference: Option<String>,
}

impl Finding {
    pub(super) const fn new(
        check: &'static str,
        verdict: Verdict,
        message: String,
        reference: Option<String>,
    ) -> Self {
        Self { check, verdict, message, reference }
    }

    /// The name of the check, which stays the same from version to version: `reachable`, `https`,
    /// `redirects`, `media-type`, `size`, `clock`, `atom`, `readable`, `current`,
    /// `positions`, `oldest`,
    /// `long-poll`, `stream`, `order`, `dates`, `validators`, `not-modified`, `etag`,
    /// `cache-lifetime`, `compression`, `archives`, `archives-immutable`, `archive-lifetime`,
    /// `paging`, `ids-stable`, and `time` if that did not suffice. A check that does not concern a
    /// feed is not made, and one that finds several things is there several times.
    #[must_use]
    pub const fn check(&self) -> &'static str {
        self.check
    }

    /// What is to be thought of it.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What was seen, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The specification that says so, and its section.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }
}

/// What an examination has found. Shown, it is a line for each finding, and then what a consumer
/// may rely on.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) url: String,
    pub(super) findings: Vec<Finding>,
    pub(super) rely_on: Vec<String>,
    pub(super) beware: Vec<String>,
}

impl Report {
    /// All findings, in the order in which they were made.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What a consumer may rely on, a sentence each.
    #[must_use]
    pub fn rely_on(&self) -> &[String] {
        &self.rely_on
    }

    /// What a consumer cannot rely on, a sentence each.
    #[must_use]
    pub fn beware(&self) -> &[String] {
        &self.beware
    }

    /// The worst verdict.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        self.findings.iter().map(Finding::verdict).max().unwrap_or(Verdict::Ok)
    }

    /// Whether anything breaks a MUST, or the feed could not be read.
    #[must_use]
    pub fn breaks_a_must(&self) -> bool {
        self.worst() == Verdict::Fails
    }

    /// The same as JSON: `url`, `worst`, `findings` (each with `check`, `verdict`, `message` and
    /// `reference`, which may be null), `rely_on` and `beware`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let finding = |it: &Finding| {
            json!({
                "check": it.check,
                "verdict": it.verdict.as_str(),
                "message": it.message,
                "reference": it.reference,
            })
        };
        json!({
            "url": self.url,
            "worst": self.worst().as_str(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "rely_on": self.rely_on,
            "beware": self.beware,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, verdict, message, reference } in &self.findings {
            // Text of the feed's own may be in it.
            let message: String =
                message.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
            write!(f, "{:<8} {check:<19} {message}", verdict.as_str())?;
            match reference {
                Some(reference) => writeln!(f, " ({reference})")?,
                None => writeln!(f)?,
            }
        }
        for (title, lines) in [
            ("A consumer may rely on:", &self.rely_on),
            ("A consumer cannot rely on:", &self.beware),
        ] {
            if !lines.is_empty() {
                writeln!(f, "\n{title}")?;
                for line in lines {
                    writeln!(f, "  - {line}")?;
                }
            }
        }
        Ok(())
    }
}
