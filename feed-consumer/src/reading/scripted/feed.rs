//! A feed as a server of ours has it, in memory.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::document::Document;
use feed_protocol::event::{EventParts, Subject};
use feed_protocol::header::{FEED_CURSOR, FEED_RANGE};
use feed_protocol::link::{Addresses, Link, Relation};
use feed_protocol::{
    Cursor, Entry, Event, FeedName, Incarnation, PageNumber, PageSize, Position, PositionRange,
    Problem, ProblemType, Recorded, atom, cloudevents,
};

use super::{Answer, Asked};

/// A feed `orders`, served at `/feeds/orders`. Every third event is of type `b`, the others `a`.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) iri: String,
    pub(crate) incarnation: Incarnation,
    pub(crate) page_size: PageSize,
    pub(crate) events: Vec<Recorded>,
    /// What links in the current document begin with, if they are absolute.
    pub(crate) public_url: Option<String>,
}

impl Feed {
    /// A feed of this many events, with ten on a page.
    pub(crate) fn new(count: u64) -> Self {
        let mut feed = Self {
            iri: "urn:uuid:459b998c-6dff-48a3-97f4-6ef2766757e1".into(),
            incarnation: "k3v9x2".parse().unwrap(),
            page_size: PageSize::new(10).unwrap(),
            events: Vec::new(),
            public_url: None,
        };
        feed.publish(count);
        feed
    }

    /// Adds events.
    pub(crate) fn publish(&mut self, count: u64) {
        self.publish_about(count, 0);
    }

    /// Adds events of so many subjects in turn; of none, if there are no subjects.
    pub(crate) fn publish_about(&mut self, count: u64, subjects: u64) {
        for _ in 0..count {
            let number = self.events.len() as u64 + 1;
            let subject = number.checked_rem(subjects);
            let subject = subject.map(|it| format!("customer-{it}").parse().unwrap());
            self.publish_of(1, subject.as_ref());
        }
    }

    /// Adds events of one subject.
    pub(crate) fn publish_of(&mut self, count: u64, subject: Option<&Subject>) {
        for _ in 0..count {
            let number = self.events.len() as u64 + 1;
            let event_type = if number.is_multiple_of(3) { "b" } else { "a" };
            let mut parts = EventParts::new(
                number.to_string().parse().unwrap(),
                "/shop".parse().unwrap(),
                event_type.parse().unwrap(),
            );
            parts.subject = subject.cloned();
            parts.data = Some(Bytes::from(format!("{{\"n\":{number}}}")));
            self.events.push(Recorded {
                position: Position::new(number).unwrap(),
                updated: DateTime::from_timestamp(1_609_459_200, 0).unwrap(),
                event: Event::new(parts).unwrap(),
            });
        }
    }

    /// One of its events.
    pub(crate) fn recorded(&self, position: u64) -> Recorded {
        let found = self.events.iter().find(|it| it.position.get() == position);
        found.expect("the feed has this event").clone()
    }

    fn head(&self) -> Position {
        Position::new(self.events.len() as u64).unwrap()
    }

    /// The events of a range, oldest first.
    fn slice(&self, range: PositionRange) -> Vec<Recorded> {
        self.events.iter().filter(|it| range.contains(it.position)).cloned().collect()
    }

    /// What the feed answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Answer {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match *segments {
            ["feeds", "orders"] => self.current(query),
            ["feeds", "orders", incarnation, ..] if incarnation != self.incarnation.as_str() => {
                let problem = Problem::new(ProblemType::IncarnationGone, "Gone.")
                    .with("incarnation", self.incarnation.as_str());
                problem_answer(&problem)
            }
            ["feeds", "orders", _, "pages", page] => {
                let page: PageNumber = page.parse().unwrap();
                let range = self.page_size.range(page);
                let range = PositionRange::after(range.before(), range.last().min(self.head()));
                let mut events = self.slice(range);
                events.reverse();
                self.batch(range, events, query)
            }
            ["feeds", "orders", _, "after", after] => {
                let after: Position = after.parse().unwrap();
                if after > self.head() {
                    let problem = Problem::new(ProblemType::BeyondHead, "Beyond.")
                        .with("head", self.head().get());
                    return problem_answer(&problem);
                }
                let last = after.advanced_by(self.page_size.get()).min(self.head());
                let range = PositionRange::after(after, last);
                if asked.header("accept") == Some(atom::MEDIA_TYPE) {
                    return self.tail_in_atom(range);
                }
                self.batch(range, self.slice(range), query)
            }
            _ => Answer::status("404 Not Found"),
        }
    }

    /// What a stream from a position up to the head consists of; with a type, of events of this
    /// type alone.
    pub(crate) fn stream(&self, after: u64, event_type: Option<&str>) -> Vec<u8> {
        let inc = &self.incarnation;
        let mut stream = format!("retry: 1000\nid: {inc}:{after}\n\n");
        for recorded in self.events.iter().filter(|it| it.position.get() > after) {
            let position = recorded.position;
            stream.push_str(&format!("id: {inc}:{position}\n"));
            if event_type.is_none_or(|it| recorded.event.event_type().as_str() == it) {
                let mut data = Vec::new();
                cloudevents::write_batch(std::slice::from_ref(recorded), &mut data);
                let data = String::from_utf8(data).unwrap();
                let data = data.trim().trim_start_matches('[').trim_end_matches(']').trim();
                stream
                    .push_str(&data.lines().map(|it| format!("data: {it}\n")).collect::<String>());
            }
            stream.push('\n');
        }
        stream.into_bytes()
    }

    fn current(&self, query: &str) -> Answer {
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let name: FeedName = "orders".parse().unwrap();
        let to = match &self.public_url {
            Some(url) => Addresses::below(url, &name, &self.incarnation),
            None => Addresses::from_current(&name, &self.incarnation),
        };
        let head = self.head();
        let range = PositionRange::after(head.back_by(self.page_size.get()), head);
        let mut links = vec![
            Link::new(Relation::Current, to.current() + &query),
            Link::new(Relation::Last, to.page(PageNumber::FIRST) + &query),
            Link::new(Relation::Previous, to.after(head) + &query),
        ];
        if let Some(full) = self.page_size.newest_full_page(head) {
            links.push(Link::new(Relation::PrevArchive, to.page(full) + &query));
        }
        let field: Vec<_> =
            links.iter().map(|it| format!("<{}>; rel=\"{}\"", it.href, it.relation)).collect();
        let mut events = self.slice(range);
        events.reverse();
        let body = self.atom(range, links, to, events);
        let (range, cursor) = (range.to_string(), self.cursor(range).to_string());
        let headers = [
            ("content-type", atom::MEDIA_TYPE),
            (FEED_RANGE, &range),
            (FEED_CURSOR, &cursor),
            ("link", &field.join(", ")),
        ];
        Answer::new("200 OK", &headers, &body)
    }

    fn tail_in_atom(&self, range: PositionRange) -> Answer {
        let to = Addresses::from_page(&"orders".parse().unwrap());
        let links = vec![Link::new(Relation::Current, to.current())];
        let body = self.atom(range, links, to, self.slice(range));
        Answer::new("200 OK", &[("content-type", atom::MEDIA_TYPE)], &body)
    }

    fn atom(
        &self,
        range: PositionRange,
        links: Vec<Link>,
        addresses: Addresses,
        events: Vec<Recorded>,
    ) -> Vec<u8> {
        let entry = |recorded: Recorded| Entry {
            iri: format!("tag:shop.example,2026-11-21:orders:{}", recorded.position),
            recorded,
        };
        atom::write_document(&Document {
            feed_iri: self.iri.clone(),
            title: "orders".into(),
            incarnation: self.incarnation.clone(),
            updated: DateTime::<Utc>::UNIX_EPOCH,
            archive: false,
            range,
            links,
            addresses,
            entries: events.into_iter().map(entry).collect(),
        })
    }

    fn cursor(&self, range: PositionRange) -> Cursor {
        Cursor { incarnation: self.incarnation.clone(), position: range.last() }
    }

    fn batch(&self, range: PositionRange, mut events: Vec<Recorded>, query: &str) -> Answer {
        if let Some(event_type) = query.strip_prefix("type=") {
            events.retain(|it| it.event.event_type().as_str() == event_type);
        }
        let mut body = Vec::new();
        cloudevents::write_batch(&events, &mut body);
        let cursor = self.cursor(range).to_string();
        let headers = [
            ("content-type", cloudevents::BATCH_MEDIA_TYPE),
            (FEED_RANGE, &range.to_string()),
            (FEED_CURSOR, &cursor),
        ];
        Answer::new("200 OK", &headers, &body)
    }
}

fn problem_answer(problem: &Problem) -> Answer {
    let status = format!("{} {}", problem.kind.status(), problem.kind.title());
    let headers = [("content-type", feed_protocol::problem::MEDIA_TYPE)];
    Answer::new(&status, &headers, problem.to_json().as_bytes())
}
