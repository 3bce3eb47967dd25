//! What the cache answers, and what the server is asked.

use std::path::Path;

use url::Url;

use super::*;
use crate::reading::client::options::HttpOptions;
use crate::reading::scripted::{Answer, Asked, Scripted};

const PAGE: &[u8] = b"a page";

struct Reader {
    client: Client,
    url: Url,
}

impl Reader {
    fn new(server: &Scripted, folder: &Path, change: fn(HttpOptions) -> HttpOptions) -> Self {
        let url: Url = server.url("/page").parse().unwrap();
        let options = change(HttpOptions::default().cache_dir(folder));
        let (client, url) = Client::new(&url, options).unwrap();
        Self { client, url }
    }

    fn request(&self, fresh: bool) -> Request<'_> {
        Request { url: &self.url, accept: "*/*", wait: None, fresh, validators: None }
    }

    async fn get(&self, fresh: bool) -> (Bytes, bool) {
        match self.client.get(self.request(fresh)).await.unwrap() {
            Response::Document(it) => (it.body, it.connection == Some(ConnectionId::Cache)),
            Response::NotModified { .. } => panic!("there was no condition"),
        }
    }
}

async fn served(fields: &'static [(&'static str, &'static str)]) -> Scripted {
    Scripted::start(move |asked: &Asked| {
        let known = asked.header("if-none-match").is_some_and(|it| it == "\"a\"");
        if known {
            Answer::new("304 Not Modified", fields, b"")
        } else {
            Answer::new("200 OK", fields, PAGE)
        }
    })
    .await
}

/// How often the server was asked by three readings, and whether the last came from the cache.
async fn read_three_times(fields: &'static [(&'static str, &'static str)]) -> (usize, bool) {
    let (server, folder) = (served(fields).await, tempfile::tempdir().unwrap());
    let mut last = false;
    for _ in 0..3 {
        // Each with a client of its own, as after a restart.
        let (body, kept) = Reader::new(&server, folder.path(), |it| it).get(false).await;
        assert_eq!(body, PAGE);
        last = kept;
    }
    (server.asked().len(), last)
}

#[tokio::test]
async fn what_stays_fresh_is_fetched_once() {
    const IMMUTABLE: &str = "public, max-age=31536000, immutable";
    assert_eq!(read_three_times(&[("cache-control", IMMUTABLE)]).await, (1, true));
    assert_eq!(read_three_times(&[("cache-control", "private, max-age=61")]).await, (1, true));
    // Long unchanged, and nothing is said of it (RFC 9111, section 4.2.2).
    let old = &[("last-modified", "Tue, 15 Nov 1994 12:45:26 GMT")];
    assert_eq!(read_three_times(old).await, (1, true));
}

#[tokio::test]
async fn what_must_not_be_kept_or_is_soon_stale_is_fetched_each_time() {
    for fields in [
        &[][..],
        &[("cache-control", "no-store")],
        &[("cache-control", "no-cache")],
        &[("cache-control", "max-age=59")],
        &[("cache-control", "max-age=1000"), ("vary", "*")],
    ] {
        assert_eq!(read_three_times(fields).await, (3, false), "{fields:?}");
    }
}

#[tokio::test]
async fn what_is_stale_is_used_once_the_server_has_confirmed_it() {
    // It was old when it came.
    let fields = &[("cache-control", "max-age=1000"), ("age", "939"), ("etag", "\"a\"")];
    let (server, folder) = (served(fields).await, tempfile::tempdir().unwrap());
    let reader = Reader::new(&server, folder.path(), |it| it);
    reader.get(false).await;
    let name = reader.client.key(reader.request(false));
    let cache = reader.client.cache.as_ref().unwrap();
    let kept = cache.find(&name).await.unwrap();
    let answer = answered(
        StatusCode::OK,
        HeaderMap::from_iter([
            (http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=1")),
            (http::header::ETAG, HeaderValue::from_static("\"a\"")),
        ]),
    );
    let asked = parts(reader.request(false), &reader.client.headers(&reader.request(false)));
    let long_ago = clock::now() - Duration::from_secs(100);
    let policy = CachePolicy::new_options(&asked, &answer, long_ago, CacheOptions::default());
    cache.keep(&name, policy, kept.body).await;
    assert_eq!(reader.get(false).await, (Bytes::from_static(PAGE), true));
    let asked = server.asked();
    assert_eq!((asked.len(), asked[1].header("if-none-match")), (2, Some("\"a\"")));
}

#[tokio::test]
async fn the_servers_own_word_goes_past_the_cache() {
    let server = served(&[("cache-control", "max-age=1000")]).await;
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(&server, folder.path(), |it| it);
    for fresh in [false, true, true, false] {
        reader.get(fresh).await;
    }
    assert_eq!(server.asked().len(), 3);
    reader.client.forget(reader.request(false)).await;
    assert!(!reader.get(false).await.1);
}

#[tokio::test]
async fn a_damaged_file_is_deleted_and_fetched_again() {
    let server = served(&[("cache-control", "max-age=1000")]).await;
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(&server, folder.path(), |it| it);
    reader.get(false).await;
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [flipped, whole[..whole.len() - 1].to_vec(), b"x".to_vec(), Vec::new()] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(reader.get(false).await, (Bytes::from_static(PAGE), false));
        assert_eq!(reader.get(false).await, (Bytes::from_static(PAGE), true));
    }
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn what_one_token_has_read_is_not_shown_to_another() {
    let server = served(&[("cache-control", "private, max-age=1000")]).await;
    let folder = tempfile::tempdir().unwrap();
    for (change, kept) in [
        (HttpOptions::no_proxy as fn(HttpOptions) -> HttpOptions, false),
        (|it| it.token("a"), false),
        (|it| it.token("b"), false),
        (|it| it.token("a"), true),
    ] {
        assert_eq!(Reader::new(&server, folder.path(), change).get(false).await.1, kept);
    }
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("Bearer"));
    }
}
