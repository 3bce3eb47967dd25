//! Content negotiation (RFC 9110, section 12).

use std::io::Read;

use bytes::Bytes;
use feed_tests::ServerProcess;
use feed_tests::events::{ATOM, BATCH, STRUCTURED};

fn decoded(coding: Option<&str>, body: &Bytes) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        None => decoded.extend_from_slice(body),
        Some("gzip") => {
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded).unwrap();
        }
        Some("zstd") => decoded = zstd::decode_all(&body[..]).unwrap(),
        Some(other) => panic!("{other} was not asked for"),
    }
    decoded
}

#[tokio::test]
async fn accept_chooses_the_representation() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    let current = "/feeds/orders".to_owned();
    for path in [&current, &format!("{folder}/pages/1"), &format!("{folder}/after/1")] {
        for (accept, expected) in [
            ("", ATOM),
            ("*/*", ATOM),
            ("application/*", ATOM),
            (ATOM, ATOM),
            ("application/atom+xml;type=feed", ATOM),
            (BATCH, BATCH),
            ("Application/CloudEvents-Batch+JSON", BATCH),
            ("application/cloudevents-batch+json, application/atom+xml;q=0.9", BATCH),
            ("application/atom+xml;q=0.2, application/cloudevents-batch+json;q=0.3", BATCH),
            ("application/atom+xml;q=0, */*", BATCH),
            // A browser.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", ATOM),
        ] {
            let mut request = server.get(path);
            if !accept.is_empty() {
                request = request.header("accept", accept);
            }
            let answer = request.send().await.expect(200);
            let content_type = answer.header("content-type");
            assert!(content_type.starts_with(expected), "{path} {accept}: {content_type}");
        }
        for accept in ["text/html", "image/png, text/*", "*/*;q=0", "application/json"] {
            let accepts_stream = accept.contains("text/*") && path == &current;
            if accepts_stream {
                continue;
            }
            let answer = server.get(path).header("accept", accept).send().await;
            let problem = answer.expect_problem(406, "not-acceptable");
            let available = problem["available"].as_array().unwrap();
            assert!(available.contains(&ATOM.into()), "{problem}");
            assert!(available.contains(&BATCH.into()), "{problem}");
            assert_eq!(available.contains(&"text/event-stream".into()), path == &current);
        }
    }
    // A stream is of the current document only.
    let answer = server.get(&format!("{folder}/after/1")).header("accept", "text/event-stream");
    answer.send().await.expect_problem(406, "not-acceptable");
    let entry = format!("{folder}/entries/1");
    let answer = server.get(&entry).header("accept", STRUCTURED).send().await.expect(200);
    assert_eq!(answer.header("content-type"), STRUCTURED);
    let answer = server.get(&entry).header("accept", BATCH).send().await;
    let problem = answer.expect_problem(406, "not-acceptable");
    assert_eq!(problem["available"], serde_json::json!([ATOM, STRUCTURED]));
    // Data has the one media type that it has, and saying so is better than refusing.
    server.get(&format!("{entry}/data")).header("accept", "image/png").send().await.expect(200);
}

#[tokio::test]
async fn a_coding_is_used_when_it_is_wanted_and_never_otherwise() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    for path in
        ["/feeds/orders".to_owned(), format!("{folder}/pages/1"), format!("{folder}/after/0")]
    {
        let plain = server.get(&path).send().await.expect(200);
        assert!(!plain.has("content-encoding"));
        for (accept, expected) in [
            ("gzip", Some("gzip")),
            ("zstd", Some("zstd")),
            ("GZIP", Some("gzip")),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip;q=1.0, zstd;q=0.5", Some("gzip")),
            ("*", Some("zstd")),
            ("zstd;q=0, *", Some("gzip")),
            ("gzip;q=0", None),
            ("gzip;q=0, zstd;q=0.000", None),
            ("gzip ; q=0", None),
            ("gzip;Q=0", None),
            ("identity", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("br, deflate", None),
            ("", None),
        ] {
            let answer =
                server.get(&path).header("accept-encoding", accept).send().await.expect(200);
            let coding = answer.has("content-encoding").then(|| answer.header("content-encoding"));
            assert_eq!(coding, expected, "{path} {accept:?}");
            assert_eq!(decoded(coding, &answer.body), plain.body, "{path} {accept:?}");
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            let (mark, plain_etag) = (expected.map(|it| format!("-{it}\"")), plain.header("etag"));
            let etag = plain_etag.strip_suffix('"').unwrap().to_owned();
            assert_eq!(answer.header("etag"), etag + &mark.unwrap_or_else(|| "\"".to_owned()));
            for name in ["vary", "link", "feed-range", "cache-control", "last-modified"] {
                assert_eq!(answer.header(name), plain.header(name));
            }
        }
    }
}

#[tokio::test]
async fn a_coded_copy_is_validated_by_its_own_tag() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let codings = ["identity", "gzip", "zstd"];
    for path in ["/feeds/orders".to_owned(), format!("{}/pages/1", server.folder("orders").await)] {
        let mut tags = Vec::new();
        for coding in codings {
            let answer = server.get(&path).header("accept-encoding", coding).send().await;
            tags.push(answer.expect(200).header("etag").to_owned());
        }
        for (coding, own) in codings.iter().zip(&tags) {
            for tag in &tags {
                let request = server.get(&path).header("accept-encoding", coding);
                let answer = request.header("if-none-match", tag).send().await;
                let answer = answer.expect(if tag == own { 304 } else { 200 });
                assert_eq!(answer.header("etag"), own);
                assert!(answer.header("vary").contains("Accept-Encoding"));
            }
        }
    }
}
