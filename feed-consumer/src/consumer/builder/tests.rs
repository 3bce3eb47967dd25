//! Settings that are wrong, and what is shown of secrets.

use std::time::Duration;

use super::super::Consumer;
use super::{ConfigError, ConsumerBuilder};
use crate::reading::client::options::HttpOptions;

fn build(change: fn(ConsumerBuilder<()>) -> ConsumerBuilder<()>) -> Result<(), ConfigError> {
    let builder = change(Consumer::builder("http://127.0.0.1:3000/feeds/orders"));
    builder.on_any(async |_, _| Ok(())).build().map(drop)
}

#[test]
fn a_wrong_setting_is_named_with_the_remedy() {
    build(|it| it).unwrap();
    let error = build(|it| it.group("")).unwrap_err();
    assert_eq!(error.key(), "group");
    let error = build(|it| it.database("mysql://localhost/x")).unwrap_err();
    assert_eq!(error.key(), "database");
    assert!(error.message().contains("name a file"), "{error}");
    for url in ["", "orders", "ftp://a.example/", "http://", "file:///etc/passwd"] {
        let error = Consumer::builder(url).on_any(async |_, _| Ok(())).build().unwrap_err();
        assert_eq!(error.key(), "url");
        assert!(error.message().contains("name a feed such as"), "{error}");
    }
}

#[test]
fn what_is_not_parked_cannot_be_repaired() {
    use crate::{OnExhausted, Repaired};

    let hook = async |_| Ok(Repaired::retry());
    let stops = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
        .on_exhausted(OnExhausted::Stop)
        .repair(hook)
        .on_any(async |_, _| Ok(()));
    let error = stops.build().unwrap_err();
    assert_eq!(error.key(), "repair");
    assert!(error.message().contains("on_exhausted"), "{error}");
    let error = build(|it| it.repair_deadline(Duration::from_secs(1))).unwrap_err();
    assert_eq!(error.key(), "repair_deadline");
}

#[test]
fn a_wrong_setting_of_requests_is_named_without_its_secret() {
    let error = |http: HttpOptions| {
        let url = "http://127.0.0.1:3000/feeds/orders";
        let builder = Consumer::builder(url).http(http).on_any(async |_, _| Ok(()));
        builder.build().unwrap_err()
    };
    let none = HttpOptions::default;
    for (http, key) in [
        (none().token("s3cret word"), "token"),
        (none().token_file("/nowhere/token"), "token_file"),
        (none().proxy("socks5://me:s3cret@127.0.0.1"), "proxy"),
        (none().ca_file("/nowhere/ca.pem"), "ca_file"),
        (none().allow_origin("shop.example"), "allow_origin"),
        (none().cache_dir("/proc/nowhere"), "cache_dir"),
    ] {
        let error = error(http);
        assert_eq!(error.key(), key);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let both = Consumer::builder("http://me:pw@127.0.0.1:3000/feeds/orders")
        .http(none().token("a"))
        .on_any(async |_, _| Ok(()));
    assert!(both.build().unwrap_err().message().contains("leave one of them out"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let consumer = Consumer::builder("http://me:s3cret@127.0.0.1:3000/feeds/orders")
        .on_any(async |_, _| Ok(()))
        .build()
        .unwrap();
    assert_eq!(consumer.url.as_str(), "http://127.0.0.1:3000/feeds/orders");
    assert!(!format!("{:?}", consumer.client).contains("s3cret"));
    let http = HttpOptions::default().token("s3cret").proxy("http://me:s3cret@127.0.0.1:1");
    assert!(!format!("{http:?}").contains("s3cret"));
    let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
        .http(http)
        .on_any(async |_, _| Ok(()))
        .build()
        .unwrap();
    assert!(!format!("{:?}", consumer.client).contains("s3cret"), "{:?}", consumer.client);
}

#[test]
fn a_consumer_can_run_on_another_thread() {
    fn assert_send(_: impl Send) {}
    let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
        .on_any(async |recorded, _| {
            tokio::task::yield_now().await;
            drop(recorded.event.clone());
            Ok(())
        })
        .build()
        .unwrap();
    assert_send(consumer.run(std::future::pending()));
}
