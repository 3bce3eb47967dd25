//! What a consumer may rely on of a feed, found out by asking it.
//!
//! A [`Doctor`] makes a score of requests to one feed, ours or anybody's, and changes nothing.
//!
//! # Layout
//!
//! - [`report`]: verdicts, and how they are shown
//! - [`answer`]: whether the feed answers, and how
//! - [`document`]: whether it is valid Atom, its ids, its order
//! - [`caching`]: validators, 304s, lifetimes, compression
//! - [`archives`]: where older entries are, and whether they stay what they are
//! - [`positions`]: what only feeds with positions offer: proof, long poll, stream
//! - [`reliance`]: what all of it comes to

mod answer;
mod archives;
mod caching;
mod document;
mod positions;
mod reliance;
mod report;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feed_protocol::atom::{self, Examined};
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderName, StatusCode};
use tokio::time::timeout;
use url::Url;

use self::archives::Older;
use self::positions::Positions;
pub use self::report::{Finding, Report, Verdict};
use crate::consumer::{ConfigError, parse_url};
use crate::reading::client::options::HttpOptions;
use crate::reading::client::probe::{Probe, Probed};
use crate::reading::client::{Client, ClientError};

/// What is accepted of an Atom document, which is what a consumer accepts.
const LIMITS: atom::Limits =
    atom::Limits { max_bytes: 64 * 1024 * 1024, max_depth: 64, max_entries: 10_000 };

/// After how many bytes of documents no more is asked for.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// As what documents are asked for.
const ATOM: &str = "application/atom+xml, application/xml;q=0.5, text/xml;q=0.5";

/// Finds out what a consumer may rely on of a feed.
///
/// ```no_run
/// use feed_consumer::{Doctor, HttpOptions};
///
/// # async fn examine() -> Result<(), Box<dyn std::error::Error>> {
/// let doctor = Doctor::new("https://blog.example/feed.xml", HttpOptions::default())?;
/// let report = doctor.examine().await;
/// println!("{report}");
/// assert!(!report.breaks_a_must());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Doctor {
    client: Client,
    /// Leaves bodies packed as they come.
    undecoded: Client,
    url: Url,
    within: Duration,
}

impl Doctor {
    /// A doctor of the feed at this address.
    ///
    /// # Errors
    ///
    /// When the address or a setting is wrong. The feed is not looked at yet.
    pub fn new(url: &str, http: HttpOptions) -> Result<Self, ConfigError> {
        let url = parse_url(url).map_err(|message| ConfigError::new("url", message))?;
        let wrong = |error: ClientError| ConfigError::new(error.key, error.message);
        let (undecoded, _) = Client::new(&url, http.clone().undecoded()).map_err(wrong)?;
        let (client, url) = Client::new(&url, http).map_err(wrong)?;
        Ok(Self { client, undecoded, url, within: Duration::from_secs(120) })
    }

    /// How long the whole examination may take (besides, it ends after 256 MiB of documents); what has not been looked at by then is said to be
    /// so. Two minutes, if not set.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Asks the feed, about a score of times, and tells what was found.
    pub async fn examine(self) -> Report {
        let within = self.within;
        let mut examination = Examination {
            doctor: self,
            findings: Vec::new(),
            facts: Facts::default(),
            fetched: AtomicUsize::new(0),
        };
        if timeout(within, examination.run()).await.is_err() {
            let limit = humantime::format_duration(within);
            let has_read = examination.facts.document.is_some();
            examination.tell(
                "time",
                if has_read { Verdict::Warning } else { Verdict::Fails },
                format!("the examination was ended after {limit}: the rest was not looked at"),
            );
        }
        examination.into_report()
    }
}

/// What has been found so far.
#[derive(Debug)]
struct Examination {
    doctor: Doctor,
    findings: Vec<Finding>,
    facts: Facts,
    /// How many bytes of documents have come.
    fetched: AtomicUsize,
}

/// What the findings come to.
#[derive(Debug, Default)]
struct Facts {
    /// The document could be read.
    document: Option<Extent>,
    /// The ids of entries are IRIs, and stayed the same.
    ids_are_stable: bool,
    /// A 304 is given when it is true, and only then.
    validators: Option<bool>,
    /// What the document is that is sent each time otherwise, in bytes.
    bytes: usize,
    older: Older,
    positions: Option<Positions>,
    /// News can be waited for.
    long_poll: bool,
    stream: bool,
    /// For how long the document may be kept.
    max_age: Option<Duration>,
}

/// What a document holds.
#[derive(Debug, Default)]
struct Extent {
    entries: usize,
    /// The time between the oldest and the newest entry.
    span: Option<Duration>,
}

impl Examination {
    async fn run(&mut self) {
        let Some(first) = self.reach().await else { return };
        self.look_at_answer(&first);
        let Some(examined) = self.look_at_document(&first) else { return };
        self.look_at_positions(&first, &examined).await;
        self.look_at_order(&examined);
        self.look_at_caching(&first).await;
        self.look_at_older(&first, &examined).await;
        self.look_again(&first, &examined).await;
    }

    /// Adds to the findings.
    fn tell(&mut self, check: &'static str, verdict: Verdict, message: impl Into<String>) {
        self.findings.push(Finding::new(check, verdict, message.into(), None));
    }

    /// Adds to the findings what a specification says.
    fn tell_by(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        message: impl Into<String>,
        reference: impl Into<String>,
    ) {
        self.findings.push(Finding::new(check, verdict, message.into(), Some(reference.into())));
    }

    fn into_report(self) -> Report {
        let (rely_on, beware) = self.facts.sum_up();
        Report { url: self.doctor.url.to_string(), findings: self.findings, rely_on, beware }
    }

    /// Asks for a document, past all caches, with these header fields more.
    async fn ask(&self, url: &Url, more: &[(HeaderName, &str)]) -> Result<Probed, String> {
        let mut headers = vec![(ACCEPT, ATOM), (CACHE_CONTROL, "no-cache")];
        headers.extend(more.iter().cloned());
        let wait = Duration::ZERO;
        let probe = Probe { url, headers: &headers, wait, only_beginning: false };
        self.probe(&self.doctor.client, probe).await
    }

    /// Asks, unless enough has come.
    async fn probe(&self, client: &Client, probe: Probe<'_>) -> Result<Probed, String> {
        if self.has_enough() {
            let limit = answer::size(MOST_BYTES);
            return Err(format!("not asked for: {limit} have been fetched by now"));
        }
        let probed = client.probe(probe).await.map_err(|error| one_line(&error))?;
        self.fetched.fetch_add(probed.body.len(), Ordering::Relaxed);
        Ok(probed)
    }

    fn has_enough(&self) -> bool {
        self.fetched.load(Ordering::Relaxed) >= MOST_BYTES
    }

    /// Asks for a document that another one links to; or what is to be thought of that, and why.
    async fn ask_linked(
        &self,
        from: &Url,
        href: &str,
    ) -> Result<(Probed, Examined), (Verdict, String)> {
        let verdict = if self.has_enough() { Verdict::Warning } else { Verdict::Fails };
        let fails = |reason| (verdict, reason);
        let url =
            from.join(href).map_err(|error| fails(format!("{href:?} is no address: {error}")))?;
        if !self.doctor.client.may_ask(&url) {
            let origin = url.origin().ascii_serialization();
            let reason = format!(
                "{url} is on another origin, which is not asked: if that is right, add \
                 --allow-origin {origin}"
            );
            return Err((Verdict::Warning, reason));
        }
        let probed = self.ask(&url, &[]).await.map_err(fails)?;
        if probed.status != StatusCode::OK {
            return Err(fails(format!("GET {url}: {}", probed.status)));
        }
        let examined = atom::examine_document(&probed.body, &LIMITS)
            .map_err(|error| fails(format!("GET {url}: it is no Atom feed: {error}")))?;
        Ok((probed, examined))
    }
}

/// An error and its causes, in one line.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
