//! Requests against a server that misbehaves.

use std::io::Write;
use std::time::Duration;

use url::Url;

use super::client::options::HttpOptions;
use super::client::{Client, Limits, Request, Response};
use super::error::ReadError;
use super::scripted::{Answer, Asked, Scripted};
use crate::store::Validators;

const BODY: [u8; 1000] = [b'x'; 1000];

const SOON: Duration = Duration::from_millis(50);

async fn get_from(
    server: &Scripted,
    limits: Limits,
    validators: Option<&Validators>,
) -> Result<Response, ReadError> {
    let url: Url = server.url("/start").parse().unwrap();
    let (client, url) = Client::new(&url, limits).unwrap();
    let request = Request { url: &url, accept: "*/*", wait: None, fresh: false, validators };
    client.get(request).await
}

async fn get(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> String {
    get_within(Limits { bytes: 1_000_000, ..Limits::default() }, script).await
}

async fn get_within(
    limits: Limits,
    script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> String {
    let server = Scripted::start(script).await;
    match get_from(&server, limits, None).await {
        Ok(Response::Document(document)) => format!("{} bytes", document.body.len()),
        Ok(Response::NotModified { .. }) => "not modified".to_owned(),
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|mut cause| {
                    while let Some(deeper) = cause.source() {
                        cause = deeper;
                    }
                    format!(": {cause}")
                })
                .unwrap_or_default();
            format!("{error}{cause}").replace(&server.url(""), "")
        }
    }
}

#[tokio::test]
async fn half_an_answer_is_an_error() {
    let ok = || Answer::new("200 OK", &[], &BODY);
    assert_eq!(get(move |_| ok()).await, "1000 bytes");
    assert!(get(move |_| ok().cut(1)).await.contains("/start: the answer broke off"));
    assert!(get(move |_| ok().cut(1000)).await.contains("broke off"));
    let short = |_: &Asked| Answer::with_length("200 OK", &[], &BODY, "1001");
    assert!(get(short).await.contains("broke off"));
    let chunked = [("transfer-encoding", "chunked")];
    let unfinished =
        Answer::new("200 OK", &chunked, b"5\r\nhello\r\n").replaced("content-length", "x");
    assert!(get(move |_| unfinished.clone()).await.contains("broke off"));
    assert!(get(move |_| ok().cut(1040)).await.contains("no answer"));
}

#[tokio::test]
async fn silence_is_an_error_before_the_answer_and_within() {
    let ok = || Answer::new("200 OK", &[], &BODY);
    let limits = Limits { first_byte: SOON, ..Limits::default() };
    let error = get_within(limits, move |_| ok().hung(1040)).await;
    assert_eq!(error, "GET /start: no answer within 50ms");
    let limits = Limits { between_bytes: SOON, ..Limits::default() };
    let error = get_within(limits, move |_| ok().hung(1)).await;
    assert_eq!(error, "GET /start: no more of the answer within 50ms");
    let limits = Limits { whole: SOON, slowest: u32::MAX, ..Limits::default() };
    let error = get_within(limits, move |_| ok().hung(1)).await;
    assert_eq!(error, "GET /start: the answer did not end within 50ms");
}

#[tokio::test]
async fn an_answer_that_only_drips_is_cut_off_and_a_slow_one_is_not() {
    let pace = Duration::from_millis(20);
    let ok = move |_: &Asked| Answer::new("200 OK", &[], &BODY).dripped(1000, pace);
    // The bytes come well before the longest silence is over, and hardly add to the time.
    let limits = Limits { whole: SOON, slowest: 1_000_000, ..Limits::default() };
    let error = get_within(limits, ok).await;
    assert_eq!(error, "GET /start: the answer did not end within 50ms");
    // Each byte gives more time than it takes.
    let slow = move |_: &Asked| Answer::new("200 OK", &[], &BODY).dripped(20, pace);
    let limits = Limits { whole: SOON, slowest: 2_000, ..Limits::default() };
    assert_eq!(get_within(limits, slow).await, "1000 bytes");
}

#[test]
fn a_byte_a_second_is_too_slow_and_the_largest_document_over_a_weak_line_is_not() {
    let limits = Limits::default();
    let longest = |rate: usize| {
        (0..10_000).find(|seconds| limits.time_for(rate * seconds).as_secs() < *seconds as u64)
    };
    assert_eq!(longest(1), Some(61));
    assert_eq!(longest(20 * 1024), None);
}

#[tokio::test]
async fn an_answer_is_measured_after_it_is_unpacked() {
    let packed = |size: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&vec![0; size]).unwrap();
        let bytes = encoder.finish().unwrap();
        assert!(bytes.len() < 10_000);
        Answer::new("200 OK", &[("content-encoding", "gzip")], &bytes)
    };
    assert_eq!(get(move |_| packed(1_000_000)).await, "1000000 bytes");
    let error =
        "GET /start: the answer is larger than 1000000 bytes, and no larger one is accepted";
    assert_eq!(get(move |_| packed(1_000_001)).await, error);
    let long = |_: &Asked| Answer::with_length("200 OK", &[], &BODY, "1000001");
    assert_eq!(get(long).await, error);
    let other = |_: &Asked| Answer::new("200 OK", &[("content-encoding", "br")], &BODY);
    assert!(get(other).await.contains("\"br\" was not asked for"));
    let gibberish = |_: &Asked| Answer::new("200 OK", &[("content-encoding", "gzip")], &BODY);
    assert!(get(gibberish).await.contains("broke off"));
}

#[tokio::test]
async fn packed_answers_are_asked_for_and_measured_in_each_coding() {
    let packed = |size: usize| {
        let bytes = zstd::encode_all(&vec![0; size][..], 3).unwrap();
        assert!(bytes.len() < 10_000);
        Answer::new("200 OK", &[("content-encoding", "zstd")], &bytes)
    };
    assert_eq!(get(move |_| packed(1_000_000)).await, "1000000 bytes");
    assert!(get(move |_| packed(100_000_000)).await.contains("larger than 1000000 bytes"));
    // Of another machine: what it is asked for comes to us, as to its proxy.
    let server = Scripted::start(|_| Answer::new("200 OK", &[], &BODY)).await;
    let options = HttpOptions::default().proxy(server.url(""));
    let (client, url) = Client::new(&"http://shop.example/".parse().unwrap(), options).unwrap();
    let request = Request { url: &url, accept: "*/*", wait: None, fresh: false, validators: None };
    client.get(request).await.unwrap();
    let asked = server.asked();
    let codings = asked[0].header("accept-encoding").unwrap();
    assert!(codings.contains("gzip") && codings.contains("zstd"), "{codings}");
}

#[tokio::test]
async fn within_a_machine_documents_are_asked_for_as_they_are() {
    let server = Scripted::start(|_| Answer::new("200 OK", &[], &BODY)).await;
    get_from(&server, Limits::default(), None).await.unwrap();
    assert_eq!(server.asked()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_and_only_so_often() {
    let hops = |count: usize| {
        move |asked: &Asked| match asked.target.trim_start_matches("/hop").parse::<usize>() {
            _ if asked.target == "/start" => Answer::redirect("/hop1"),
            Ok(hop) if hop < count => Answer::redirect(&format!("/hop{}", hop + 1)),
            _ => Answer::new("200 OK", &[], &BODY),
        }
    };
    assert_eq!(get(hops(5)).await, "1000 bytes");
    assert!(get(hops(6)).await.contains("more than 5 redirects"));
    assert!(get(|_| Answer::redirect("/start")).await.contains("more than 5 redirects"));

    let other = Scripted::start(|_| Answer::new("200 OK", &[], &BODY)).await;
    let elsewhere = other.url("/private");
    let error = get(move |_| Answer::redirect(&elsewhere)).await;
    assert!(error.contains("a redirect away from"), "{error}");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn what_is_not_modified_must_have_been_asked_so() {
    let validators = Validators { etag: Some("W/\"a\"".into()), last_modified: None };
    let server = Scripted::start(|_| Answer::status("304 Not Modified")).await;
    let answer = get_from(&server, Limits::default(), Some(&validators)).await.unwrap();
    assert!(matches!(answer, Response::NotModified { .. }));
    assert_eq!(server.asked()[0].header("if-none-match"), Some("W/\"a\""));
    assert_eq!(get(|_| Answer::status("304 Not Modified")).await, "GET /start: 304 Not Modified");
}

#[tokio::test]
async fn what_an_error_says_is_part_of_the_message() {
    let problem = r#"{"type":"urn:feed-protocol:problem:not-found","detail":"No such feed."}"#;
    let told = move |_: &Asked| Answer::new("404 Not Found", &[], problem.as_bytes());
    assert_eq!(get(told).await, "GET /start: 404 Not Found: No such feed");
    let html = |_: &Asked| Answer::new("502 Bad Gateway", &[], b"<html>");
    assert_eq!(get(html).await, "GET /start: 502 Bad Gateway");
    let endless = |_: &Asked| Answer::with_length("500 x", &[], &BODY, "9999999");
    assert_eq!(get(endless).await, "GET /start: 500 Internal Server Error");
}
