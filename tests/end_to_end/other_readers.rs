//! Software that knows nothing of this project reads its feeds.

use feed_tests::events::{BATCH, orders};
use feed_tests::process::run;
use feed_tests::reading::path_of;
use feed_tests::tools::{python, tool};
use feed_tests::{Answer, ServerOptions, ServerProcess};
use serde_json::{Map, Value, json};

/// An event that is hard to carry: its attributes, and its data.
struct Nasty {
    attributes: Value,
    data: Option<Vec<u8>>,
}

/// Standard Base64, written here so that nothing of ours is needed to state an event.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u32| char::from(DIGITS[(number & 63) as usize]);
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
            let number = byte(0) << 16 | byte(1) << 8 | byte(2);
            let padded = |index: usize, shift: u32| {
                if chunk.len() > index { digit(number >> shift) } else { '=' }
            };
            [digit(number >> 18), digit(number >> 12), padded(1, 6), padded(2, 0)]
        })
        .collect()
}

fn nasty_events() -> Vec<Nasty> {
    let mut all_bytes: Vec<u8> = (0..=255).collect();
    all_bytes.extend_from_slice("\u{FFFE}\u{FFFF}\u{10FFFF}".as_bytes());
    let data: Vec<(Option<&str>, Option<Vec<u8>>)> = vec![
        (None, None),
        (Some("application/json"), None),
        (Some("text/plain"), None),
        (None, Some(b"null".into())),
        (Some("application/json"), Some(b"null".into())),
        (Some("application/json"), Some(b"\"\"".into())),
        (Some("application/json"), Some(b" {\"a\" : 1.50 , \"a\":2e+2}\n".into())),
        (Some("application/json"), Some("{\"]]>\":\"<b>&amp;&#13;</b>\"}".into())),
        (Some("application/json"), Some("\"🎉 \u{85} \u{2028} \u{FEFF} ü\u{308}\"".into())),
        (Some("application/json"), Some(b"[\r\n1,\r2]".into())),
        (Some("application/json"), Some(b"\"\\u0000\\ud83c\\udf89\\uffff\"".into())),
        (Some("application/json"), Some("\"\u{FFFF}\"".into())),
        (Some("application/vnd.shop+json; v=\"1;2\""), Some(b"{}".into())),
        (Some("text/plain"), Some(b"".into())),
        (Some("text/plain; charset=utf-8"), Some("  a\n\n\tb ]]> <![CDATA[ &lt; ".into())),
        (Some("text/plain"), Some(b"a\r\nb\rc".into())),
        (Some("text/plain"), Some(b"a\0b\x01\x1f\x7f".into())),
        (Some("text/plain"), Some(b"\xff\xfe\xc3\x28".into())),
        (Some("text/plain"), Some("\u{FFFE}".into())),
        (Some("text/html"), Some(b"<script>alert(1)</script>".into())),
        (Some("application/xml"), Some("<?xml version='1.0'?><ü a='1'>x</ü>".into())),
        (Some("text/xml"), Some(b"<a>\r</a>".into())),
        (Some("application/atom+xml"), Some(b"<a><b></a>".into())),
        (Some("image/png"), Some(b"\x89PNG\r\n\x1a\n".into())),
        (Some("application/octet-stream"), Some(b"".into())),
        (Some("application/octet-stream"), Some(all_bytes.clone())),
        (Some("multipart/mixed; boundary=a"), Some(b"--a--".into())),
        (Some("message/rfc822"), Some(b"a: b\r\n\r\n".into())),
        (Some("application/json"), Some(format!("\"{}\"", "ä".repeat(40_000)).into())),
        (Some("image/png"), Some(all_bytes.repeat(300))),
        (Some("TEXT/Plain; charset=utf-8"), Some(b"no Base64".into())),
        (Some("Text/CSV"), Some(b"a,b\n".into())),
    ];
    let texts = [
        "]]>",
        "<a href=\"x\">&amp;'</a>",
        "🎉🏳️‍🌈",
        "a\u{2028}b\u{A0}c",
        "ü vs u\u{308}",
        "\u{202E}abc",
        "&#0;",
        "%00%zz",
        "a  b",
        "{\"a\":1}",
    ];
    let mut events = Vec::new();
    for (n, (media_type, data)) in (1..).zip(data) {
        let mut attributes =
            json!({"id": n.to_string(), "source": "/shop", "type": "order.placed"});
        if let Some(media_type) = media_type {
            attributes["datacontenttype"] = json!(media_type);
        }
        events.push(Nasty { attributes, data });
    }
    for (n, text) in (1..).zip(texts) {
        let mut attributes = json!({
            "id": format!("{n}{text}"),
            "source": "/größe;a=b?c&d='e'#f",
            "type": text,
            "subject": text,
            "time": "2021-01-01T02:00:00.120+02:00",
            "dataschema": "https://shop.example/größe?a&b#c",
            "tenant": text,
            "causationid": text,
            "correlationid": "urn:x:y",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "yes": true,
            "no": false,
            "most": i32::MAX,
            "least": i32::MIN,
            "number": "7",
        });
        if n % 2 == 0 {
            attributes["causationid"] = json!("6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11");
            attributes["id"] = json!(format!("6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a{n:02}"));
        }
        events.push(Nasty { attributes, data: Some(format!("{n}").into()) });
    }
    for (n, causation_id) in (1..).zip(["urn:x:y", "http://größe.example/"]) {
        let mut attributes =
            json!({"id": format!("caused-{n}"), "source": "/shop", "type": "order.placed"});
        attributes["causationid"] = json!(causation_id);
        events.push(Nasty { attributes, data: None });
    }
    for event in &mut events {
        event.attributes["specversion"] = json!("1.0");
    }
    events
}

/// Publishes them, and returns what a reader must give back of each.
async fn publish_nasty_events(server: &ServerProcess) -> Vec<Value> {
    let events = nasty_events();
    for Nasty { attributes, data } in &events {
        let mut event = attributes.clone();
        if let Some(data) = data {
            event["data_base64"] = json!(base64(data));
        }
        server.publish_one("orders", &event).await;
    }
    (1..)
        .zip(events)
        .map(|(position, Nasty { attributes, data })| {
            let data = data.map(|data| base64(&data));
            json!({"position": position, "attributes": attributes, "data": data})
        })
        .collect()
}

/// Fetches data that stands elsewhere, takes off what only Atom has, and sorts by position.
async fn resolved(server: &ServerProcess, document: &Answer, read: &str) -> Vec<Value> {
    let mut events: Vec<Map<String, Value>> = serde_json::from_str(read).unwrap();
    for event in &mut events {
        event.remove("iri");
        let data = event.remove("data").unwrap();
        let data = match (data["base64"].as_str(), data["src"].as_str()) {
            (Some(text), None) => json!(text),
            (None, Some(src)) => {
                let url = document.url.join(src).unwrap();
                let answer = server.get(path_of(&url)).send().await.expect(200);
                let media_type = event["attributes"]["datacontenttype"].as_str().unwrap();
                assert_eq!(answer.header("content-type"), media_type);
                json!(base64(&answer.body))
            }
            _ => Value::Null,
        };
        event.insert("data".into(), data);
    }
    events.sort_by_key(|event| event["position"].as_u64());
    events.into_iter().map(Value::Object).collect()
}

/// Every kind of Atom document of a feed, with the positions that it shows.
async fn documents(server: &ServerProcess, head: u64) -> Vec<(String, Vec<u64>)> {
    let folder = server.folder("orders").await;
    let mut documents = vec![("/feeds/orders".to_owned(), (head - 6..=head).collect())];
    for page in 1..=head / 7 + 1 {
        let positions = ((page - 1) * 7 + 1..=head.min(page * 7)).collect();
        documents.push((format!("{folder}/pages/{page}"), positions));
    }
    for after in [0, 3, head - 1, head] {
        let positions = (after + 1..=head.min(after + 7)).collect();
        documents.push((format!("{folder}/after/{after}"), positions));
    }
    for position in [1, 4, 17, 29, head] {
        documents.push((format!("{folder}/entries/{position}"), vec![position]));
    }
    documents
}

#[tokio::test]
async fn an_independent_xml_parser_gives_every_event_back_byte_for_byte() {
    let server = ServerProcess::with_page_size(7).await;
    let expected = publish_nasty_events(&server).await;
    for (path, positions) in documents(&server, expected.len() as u64).await {
        let document = server.get(&path).send().await.expect(200);
        let read = python("read_feed.py", &[], &document.body).await;
        let events = resolved(&server, &document, &read).await;
        assert_eq!(events.len(), positions.len(), "{path}");
        for (event, position) in events.iter().zip(positions) {
            assert_eq!(*event, expected[position as usize - 1], "{path}");
        }
    }
}

#[tokio::test]
async fn a_json_parser_gives_every_event_back_from_a_batch() {
    let server = ServerProcess::with_page_size(7).await;
    let expected = publish_nasty_events(&server).await;
    let folder = server.folder("orders").await;
    for page in 1..=expected.len() / 7 + 1 {
        let path = format!("{folder}/pages/{page}");
        let batch = server.get(&path).header("accept", BATCH).send().await.expect(200);
        for mut event in serde_json::from_slice::<Vec<Map<String, Value>>>(&batch.body).unwrap() {
            let position: usize =
                event.remove("feedposition").unwrap().as_str().unwrap().parse().unwrap();
            event.remove("feedupdated").unwrap();
            let expected = &expected[position - 1];
            let data = event.remove("data");
            let base64_data = event.remove("data_base64");
            assert_eq!(Value::Object(event), expected["attributes"]);
            match (&expected["data"], data, base64_data) {
                (Value::Null, None, None) => {}
                (base64, None, Some(read)) => assert_eq!(read, *base64),
                // What stands there as JSON says the same; that its bytes are the same shows below.
                (_, Some(_), None) => {}
                other => panic!("{position}: {other:?}"),
            }
        }
        // Data that is JSON stands there as it was published.
        for (position, Nasty { data, attributes }) in (1..).zip(nasty_events()) {
            let json = data.filter(|_| attributes["datacontenttype"] == "application/json");
            let on_page = (page - 1) * 7 < position && position <= page * 7;
            if let Some(json) = json
                && on_page
                && !json[0].is_ascii_whitespace()
                && !json.contains(&b'\r')
            {
                let member = [b"\"data\":", &json[..]].concat();
                assert!(batch.body.windows(member.len()).any(|it| it == member), "{position}");
            }
        }
    }
}

#[tokio::test]
async fn every_document_is_valid_atom() {
    let server = ServerProcess::with_page_size(7).await;
    let empty = server.get("/feeds/orders").send().await.expect(200);
    python("validate_feed.py", &[], &empty.body).await;
    let head = publish_nasty_events(&server).await.len() as u64;
    let mut paths: Vec<_> =
        documents(&server, head).await.into_iter().map(|(path, _)| path).collect();
    paths.push("/feeds/orders/subjects/%5D%5D%3E".into());
    paths.push("/feeds/orders?type=nothing".into());
    for path in paths {
        let document = server.get(&path).send().await.expect(200);
        python("validate_feed.py", &[], &document.body).await;
    }
}

#[tokio::test]
async fn documents_under_a_public_url_are_valid_atom() {
    for url in [
        "https://shop.example/events/",
        "http://10.0.0.1:3000/",
        "http://my_host:3000/",
        "http://[::1]:3000/",
    ] {
        let server = ServerOptions::default().argument("--public-url").argument(url).start().await;
        server.publish_orders(2).await;
        let current = server.get("/feeds/orders").send().await.expect(200);
        assert!(current.text().contains(&format!("href=\"{url}feeds/orders\"")), "{url}");
        python("validate_feed.py", &[], &current.body).await;
    }
}

#[tokio::test]
async fn the_validator_sees_what_is_wrong() {
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    let good = server.get("/feeds/orders").send().await.expect(200).text();
    for (from, to) in [
        ("rel=\"self\"", "rel=\"last\""),
        ("<updated>20", "<updated> 20"),
        ("type=\"text/json\"", "type=\"application/json\""),
        ("<author>", "<authors>"),
        ("type=\"text/json\"", "type=\"TEXT/json\""),
        ("<id>tag:", "<id>"),
        ("<id>tag:localhost", "<id>tag:my_host"),
        ("order-1</", "order-2</"),
        ("{\"n\":1}", "<n>1</n>"),
        ("<title>orders</title>", ""),
    ] {
        assert!(good.contains(from), "{from} is not in {good}");
        let mut bad = good.replace(from, to);
        if from == "<author>" {
            bad = bad.replace("</author>", "</authors>");
        }
        let mut command = tool("python3", "python3");
        let script = feed_tests::binaries::workspace().join("tests/python/validate_feed.py");
        command.arg(script);
        let ended = feed_tests::process::run_with_input(command, bad.as_bytes()).await;
        let ended = ended.expect_code(1);
        assert_ne!(ended.stdout.trim(), "", "{from} → {to}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn feedparser_reads_current_and_archived_documents() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    for (path, positions, archive) in
        [("/feeds/orders".to_owned(), [4, 3, 2], 1), (format!("{folder}/pages/1"), [3, 2, 1], 0)]
    {
        let document = server.get(&path).send().await.expect(200);
        let url = document.url.to_string();
        let read = python("read_with_feedparser.py", &[&url], &document.body).await;
        let feed: Value = serde_json::from_str(&read).unwrap();
        let atom = document.atom();
        assert_eq!(feed["version"], "atom10");
        assert_eq!(feed["id"], atom.id);
        assert_eq!(feed["title"], "orders");
        assert_eq!(feed["links"]["self"], url);
        let base = server.url("/");
        let address = |path: &str| base.join(path).unwrap().to_string();
        assert_eq!(feed["links"]["current"], address("/feeds/orders"));
        let expected = (archive > 0).then(|| address(&format!("{folder}/pages/{archive}")));
        assert_eq!(feed["links"]["prev-archive"].as_str(), expected.as_deref());
        let entries = feed["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 3);
        for ((entry, ours), n) in entries.iter().zip(atom.entries).zip(positions) {
            assert_eq!(entry["id"], ours.iri);
            assert_eq!(entry["title"], "order.placed");
            assert_eq!(entry["author"], "/shop");
            assert_eq!(entry["tags"], json!(["order.placed", format!("customer-{n}")]));
            assert_eq!(entry["links"]["self"], address(&format!("{folder}/entries/{n}")));
            assert_eq!(entry["content"][0]["type"], "text/json");
            let value = entry["content"][0]["value"].as_str().unwrap();
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(value, json!({"n": n}));
            assert!(entry["updated"].as_str().is_some_and(|it| it.ends_with('Z')));
        }
    }
}

#[tokio::test]
async fn newsboat_shows_each_event_once() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(7).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("urls"), format!("{}\n", server.url("/feeds/orders"))).unwrap();
    std::fs::write(path("config"), "browser \"true\"\n").unwrap();
    let newsboat = async |execute: &[&str]| {
        let mut command = tool("newsboat", "newsboat");
        // Its folder is the home directory, wherever its files are.
        command.env("HOME", folder.path());
        let (urls, cache, config) = (path("urls"), path("cache.db"), path("config"));
        command.args(["-u", &urls, "-c", &cache, "-C", &config, "-q", "-x"]).args(execute);
        run(command).await.expect_code(0).stdout
    };
    let unread = newsboat(&["reload", "print-unread"]).await;
    assert_eq!(unread.trim(), "7 unread articles");
    server.publish("orders", &orders(8..=9)).await;
    // It asks again with the ETag that it was given, and tells entries apart by their ids.
    let unread = newsboat(&["reload", "print-unread"]).await;
    assert_eq!(unread.trim(), "9 unread articles");
    let unread = newsboat(&["reload", "print-unread"]).await;
    assert_eq!(unread.trim(), "9 unread articles");
}
