//! Feeds of other software that have older pages.

mod archives;
mod choices;
mod paged;
mod walks;

use super::*;
use crate::reading::error::Discontinuity;
use crate::store::entries::EntryStore;
use crate::store::pages::{PageState, PageStore};
use crate::store::sqlite::SqliteStore;

const LOG: &str = "/log";

/// How many entries stand on a page.
const SIZE: usize = 3;

/// A log of numbered entries, as some software would serve it.
#[derive(Debug, Clone)]
struct Log {
    /// The newest entry.
    newest: u32,
    layout: Layout,
    /// An entry that stands above all others; 0 if none does.
    top: u32,
    /// More elements of the current document.
    says: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Every three entries are an archive; the document has the rest.
    Archives,
    /// Pages from the newest entry on, which move.
    Pages,
    /// The newest three entries, and nothing else.
    Single,
}

impl Log {
    fn archives(newest: u32) -> Self {
        Self { newest, layout: Layout::Archives, top: 0, says: "" }
    }

    fn pages(newest: u32) -> Self {
        Self { newest, layout: Layout::Pages, top: 0, says: "" }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let numbered = asked.target.rsplit_once('/');
        let numbered = numbered.and_then(|(path, number)| Some((path, number.parse().ok()?)));
        let (path, number): (&str, usize) = numbered.unwrap_or((LOG, 0));
        let (newest, size) = (self.newest as usize, SIZE);
        let (numbers, older): (Vec<usize>, _) = match self.layout {
            Layout::Archives if path != LOG => {
                let first = (number - 1) * size + 1;
                let older = link("prev-archive", "/archive", number - 1);
                ((first..first + size).rev().collect(), older)
            }
            Layout::Archives => {
                let full = newest.saturating_sub(1) / size;
                let older = link("prev-archive", "/archive", full);
                ((full * size + 1..=newest).rev().collect(), older)
            }
            Layout::Pages | Layout::Single => {
                let top = self.top as usize;
                let others = (1..=newest).rev().filter(|it| *it != top);
                let entries = Some(top).filter(|it| *it > 0).into_iter().chain(others);
                let leads = newest > (number + 1) * size && self.layout == Layout::Pages;
                let next = if leads { number + 1 } else { 0 };
                (entries.skip(number * size).take(size).collect(), link("next", "/page", next))
            }
        };
        let says = if path == LOG { self.says } else { "" };
        document(&format!("{says}{older}"), numbers.into_iter())
    }
}

fn link(relation: &str, path: &str, number: usize) -> String {
    if number == 0 {
        return String::new();
    }
    // Relative, as much software has it.
    format!("<link rel=\"{relation}\" href=\"../..{path}/{number}\"/>")
}

/// A document of the log with these entries.
fn document(says: &str, numbers: impl Iterator<Item = usize>) -> Answer {
    let entries: String = numbers
        .map(|n| {
            format!(
                "<entry><id>tag:log.example,2026:{n}</id><title>{n}</title>\
                 <updated>2026-01-01T{:02}:{:02}:00Z</updated></entry>",
                n / 60,
                n % 60,
            )
        })
        .collect();
    let body = format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\" \
         xmlns:fh=\"http://purl.org/syndication/history/1.0\"><id>tag:log.example,2026:log</id>\
         <title>A log</title><updated>2026-01-01T00:00:00Z</updated>{says}{entries}</feed>"
    );
    let etag = format!("\"{}\"", body.len() + body.bytes().map(usize::from).sum::<usize>());
    let headers = [("content-type", "application/atom+xml"), ("etag", &*etag)];
    Answer::new("200 OK", &headers, body.as_bytes())
}

/// A server of a log that a test can change, and whose answers it changes on their way.
async fn serve_log(
    log: Log,
    change: impl Fn(&Asked, &mut Log, Answer) -> Answer + Send + Sync + 'static,
) -> (Scripted, Arc<Mutex<Log>>) {
    let log = Arc::new(Mutex::new(log));
    let served = Arc::clone(&log);
    let script = move |asked: &Asked| {
        let mut log = served.lock().unwrap();
        let answer = log.answer(asked);
        change(asked, &mut log, answer)
    };
    (Scripted::start(script).await, log)
}

async fn serve_plain(log: Log) -> (Scripted, Arc<Mutex<Log>>) {
    serve_log(log, |_, _, answer| answer).await
}

impl Setup {
    /// Runs a subscription to its end, and tells which entries it handled.
    async fn read(&self, server: &Scripted) -> Result<Vec<u32>, ConsumerError> {
        self.read_as(self.builder(&server.url(LOG))).await
    }

    async fn read_as(&self, builder: ConsumerBuilder<()>) -> Result<Vec<u32>, ConsumerError> {
        let ended = self.noting(builder).run(std::future::pending()).await;
        let numbers = self.numbers();
        ended.map(|_| numbers)
    }

    /// The entries that were handled since this was last asked.
    fn numbers(&self) -> Vec<u32> {
        let number = |id: &String| id.rsplit(':').next().unwrap().parse().unwrap();
        self.take_ids().iter().map(number).collect()
    }

    /// Runs a subscription that fails for good at this entry.
    async fn read_until(&self, server: &Scripted, entry: u32) -> Vec<u32> {
        let (handled, ends) = (Arc::clone(&self.handled), format!(":{entry}"));
        let builder = self.stopping(&server.url(LOG)).on_any(move |recorded: Arc<Recorded>, _| {
            let id = recorded.event.id().to_string();
            std::future::ready(if id.ends_with(&ends) {
                Err(HandlerError::permanent("no"))
            } else {
                handled.lock().unwrap().push((recorded.position.get(), id));
                Ok(())
            })
        });
        let error = builder.build().unwrap().run(std::future::pending()).await.unwrap_err();
        assert!(matches!(error, ConsumerError::Handler { .. }), "{error:?}");
        self.numbers()
    }

    /// The settings of a subscription that gives up at once.
    fn impatient(&self, server: &Scripted) -> ConsumerBuilder<()> {
        self.builder(&server.url(LOG)).give_up_after(Some(Duration::from_millis(1)))
    }
}

/// What was asked for since the first `skip` requests, by GET.
fn gets(server: &Scripted, skip: usize) -> Vec<String> {
    let asked = server.asked().into_iter().skip(skip);
    asked.filter(|it| it.method == "GET").map(|it| it.target).collect()
}

/// The reason why a feed could not be read.
fn reason(error: ConsumerError) -> String {
    let ConsumerError::Unreadable { source, .. } = error else { panic!("{error:?}") };
    source.to_string()
}

fn to(newest: u32) -> Vec<u32> {
    (1..=newest).collect()
}
