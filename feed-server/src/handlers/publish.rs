//! `POST /feeds/{feed}`: an Atom entry, or CloudEvents in structured, batch or binary mode.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use feed_protocol::header::EXPECTED_VERSION;
use feed_protocol::link::Addresses;
use feed_protocol::{Entry, Event, Position, Problem, ProblemType, Recorded, atom, cloudevents};
use http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, EXPECT, LOCATION,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;

use super::failure::Failure;
use super::read::{At, mount, root};
use super::{App, HandlerResult};
use crate::feeds::LiveFeed;
use crate::paging::Representation;
use crate::store::Appended;

/// How much of a body that is too large is read, so that its sender sees why it is refused.
const MAX_DISCARDED_BYTES: usize = 64 << 20;
/// How long such a body is read.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// What a request states.
enum Stated {
    One { event: Box<Event>, representation: Representation },
    Batch(Vec<Event>),
}

/// Publishes one event or a batch.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    At(feed): At<String>,
    request: Request,
) -> HandlerResult {
    let live = app.feed(&feed)?;
    let (parts, body) = request.into_parts();
    let root = root(&app, &mount(&parts));
    let expected_version = expected_version(&parts.headers)?;
    let form = Form::of(&parts.headers)?;
    let body = collect(&app, &parts.headers, body).await?;
    let addresses =
        Addresses::below(&format!("{root}feeds/"), &live.feed.name, &live.feed.incarnation);
    match form.read(&app, &parts.headers, body)? {
        Stated::One { event, representation } => {
            let appended = app
                .publisher
                .publish_expecting(&feed, Event::clone(&event), expected_version)
                .await?;
            one(&app, &live, &addresses, *event, &appended, representation).await
        }
        Stated::Batch(events) => {
            let limit = app.publisher.limits().max_data_bytes;
            let is_oversized = |event: &Event| event.data().is_some_and(|it| it.len() > limit);
            let oversized = events.iter().position(is_oversized);
            let appended = app
                .publisher
                .publish_batch(&feed, events, expected_version)
                .await
                .map_err(|error| Failure::of_batch(error, oversized))?;
            Ok(batch(&addresses, &appended))
        }
    }
}

/// The forms in which events are stated.
#[derive(Debug, Clone, Copy)]
enum Form {
    Atom,
    Structured,
    Batch,
    Binary,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let refuse = |detail: &str| -> Failure {
            let accepted =
                [atom::MEDIA_TYPE, cloudevents::MEDIA_TYPE, cloudevents::BATCH_MEDIA_TYPE];
            let failure = Failure::from(
                Problem::new(ProblemType::UnsupportedMediaType, detail)
                    .with("accepted", accepted.to_vec()),
            );
            failure.with_header(ACCEPT, HeaderValue::from_static(
                "application/atom+xml, application/cloudevents+json, application/cloudevents-batch+json",
            ))
        };
        let coded = headers
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if coded {
            return Err(refuse("A body is accepted without a content coding only."));
        }
        let content_type = match headers.get(CONTENT_TYPE) {
            Some(value) => value.to_str().map_err(|_| refuse("Content-Type is not text."))?,
            None => "",
        };
        let mut parameters = content_type.split(';').map(str::trim);
        let essence = parameters.next().unwrap_or_default().to_ascii_lowercase();
        let form = match essence.as_str() {
            atom::MEDIA_TYPE => Self::Atom,
            cloudevents::MEDIA_TYPE => Self::Structured,
            cloudevents::BATCH_MEDIA_TYPE => Self::Batch,
            // In binary mode the content type is that of the data.
            _ if headers.contains_key("ce-specversion") => return Ok(Self::Binary),
            "" => {
                return Err(refuse(
                    "Content-Type is missing, and there are no 'ce-' header fields: what is this?",
                ));
            }
            _ => {
                return Err(refuse(&format!(
                    "{essence} is accepted only with the 'ce-' header fields of an event in \
                     binary mode."
                )));
            }
        };
        let foreign_charset =
            parameters.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            });
        if foreign_charset { Err(refuse("Only UTF-8 is accepted.")) } else { Ok(form) }
    }

    fn read(self, app: &App, headers: &HeaderMap, body: Bytes) -> Result<Stated, Failure> {
        let limits = app.publisher.limits();
        let one =
            |event, representation| Ok(Stated::One { event: Box::new(event), representation });
        match self {
            Self::Atom => {
                let limits = atom::Limits {
                    max_bytes: limits.max_body_bytes,
                    max_depth: 64,
                    max_entries: 1,
                };
                one(atom::read_posted_entry(&body, &limits)?, Representation::Atom)
            }
            Self::Structured => one(cloudevents::read_event(&body)?, Representation::CloudEvent),
            Self::Batch => {
                Ok(Stated::Batch(cloudevents::read_batch(&body, limits.max_batch_events)?))
            }
            Self::Binary => {
                let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                one(cloudevents::read_binary(fields, body)?, Representation::CloudEvent)
            }
        }
    }
}

/// The whole body, if it keeps to the limit and arrives in time.
async fn collect(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let limit = app.publisher.limits().max_body_bytes;
    let too_large = || -> Failure {
        Problem::new(
            ProblemType::TooLarge,
            format!("The body is larger than the limit of {limit} bytes."),
        )
        .with("limit", limit)
        .into()
    };
    let stated_length =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if stated_length.is_some_and(|length| length > limit) {
        // A client that waits to be asked for its body need not send it.
        if !headers.contains_key(EXPECT) {
            discard(body).await;
        }
        return Err(too_large());
    }
    let mut body = body;
    let collected = Limited::new(&mut body, limit).collect();
    match tokio::time::timeout(app.timing.body_timeout, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            discard(body).await;
            Err(too_large())
        }
        Ok(Err(_)) => {
            Err(Problem::new(ProblemType::BadRequest, "The body ended before its end.").into())
        }
        Err(_) => Err(Problem::new(
            ProblemType::RequestTimeout,
            format!("The body did not arrive within {:?}.", app.timing.body_timeout),
        )
        .into()),
    }
}

/// Reads on for a while and keeps nothing. A connection that is closed while the client still
/// sends is reset, and the client may then never see the answer.
async fn discard(mut body: Body) {
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > MAX_DISCARDED_BYTES {
                break;
            }
        }
    };
    // Whether it ended or not, the answer comes next.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}

fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get(EXPECTED_VERSION) else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| {
        Problem::new(
            ProblemType::BadRequest,
            "Expected-Version is not a number of events such as 3.",
        )
        .into()
    })
}

/// 201 or 200 with the entry, in the form in which the event came.
async fn one(
    app: &App,
    live: &LiveFeed,
    addresses: &Addresses,
    event: Event,
    appended: &Appended,
    representation: Representation,
) -> HandlerResult {
    let bytes = if appended.created {
        let recorded = Recorded { position: appended.position, updated: appended.updated, event };
        let mut bytes = Vec::new();
        match representation {
            Representation::Atom => {
                let entry = Entry { iri: appended.iri.clone(), recorded };
                bytes = atom::write_entry(&entry, &Addresses::from_page(&live.feed.name));
            }
            _ => cloudevents::write_recorded(&recorded, &mut bytes),
        }
        Bytes::from(bytes)
    } else {
        // What was published first, which may differ in its trace and its time.
        app.paging.entry(live, appended.position, representation).await?.plain().clone()
    };
    let location = location(addresses, appended.position);
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = if appended.created { StatusCode::CREATED } else { StatusCode::OK };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(representation.content_type()));
    headers.insert(LOCATION, location.clone());
    headers.insert(CONTENT_LOCATION, location);
    Ok(response)
}

/// What became of one event of a batch.
#[derive(Debug, Serialize)]
struct BatchMember {
    position: u64,
    location: String,
    status: &'static str,
}

/// 201 with what became of each, or 200 if every event was there already.
fn batch(addresses: &Addresses, appended: &[Appended]) -> Response {
    let members: Vec<_> = appended
        .iter()
        .map(|it| BatchMember {
            position: it.position.get(),
            location: addresses.entry(it.position),
            status: if it.created { "created" } else { "existing" },
        })
        .collect();
    let body = serde_json::to_vec(&members).expect("numbers and strings are JSON");
    let mut response = Response::new(Body::from(body));
    if appended.iter().any(|it| it.created) {
        *response.status_mut() = StatusCode::CREATED;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn location(addresses: &Addresses, position: Position) -> HeaderValue {
    HeaderValue::try_from(addresses.entry(position))
        .expect("an address is made of characters that a header field may hold")
}
