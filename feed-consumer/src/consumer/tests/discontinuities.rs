use super::*;
use crate::reading::error::Discontinuity;
use crate::schedule::Schedule;

/// Reads a feed, changes it, and reads on.
async fn read_change_read(change: impl Fn(&mut Feed)) -> (Setup, Discontinuity) {
    let (server, feed) = serve(Feed::new(25)).await;
    let setup = Setup::new();
    setup.run(&server.url(FEED)).await.unwrap();
    setup.take();
    change(&mut feed.lock().unwrap());
    let error = setup.run(&server.url(FEED)).await.unwrap_err();
    let ConsumerError::Discontinuity(found) = error else { panic!("{error:?}") };
    assert_eq!(setup.take(), [0_u64; 0]);
    // It stays so, until a person does something about it.
    let again = setup.run(&server.url(FEED)).await.unwrap_err();
    assert_eq!(again.to_string(), found.to_string());
    (setup, found)
}

/// Changes a feed while it is being followed.
async fn change_while_reading(change: impl Fn(&mut Feed)) -> Discontinuity {
    let (server, feed) = serve(Feed::new(25)).await;
    change_while_following(&server, &feed, change).await
}

/// Changes a feed of 25 events that a server has, while it is being followed.
async fn change_while_following(
    server: &Scripted,
    feed: &Mutex<Feed>,
    change: impl Fn(&mut Feed),
) -> Discontinuity {
    let setup = Setup::new();
    let schedule = "every:1ms".parse::<Schedule>().unwrap();
    let builder = setup.builder(&server.url(FEED)).until_idle(false).schedule(schedule);
    let consumer = setup.noting(builder);
    let mut progress = consumer.progress();
    let changing = async {
        progress.wait_for(|it| it.position == at(25)).await.unwrap();
        // Until it has asked again, and found nothing.
        let tail = |it: &String| it.ends_with("/after/25");
        while server.targets().iter().filter(|it| tail(it)).count() < 3 {
            tokio::task::yield_now().await;
        }
        change(&mut feed.lock().unwrap());
    };
    let mut passed = consumer.progress();
    let unnoticed = async move { drop(passed.wait_for(|it| it.position > at(25)).await) };
    let (ended, ()) = tokio::join!(consumer.run(unnoticed), changing);
    let error = ended.unwrap_err();
    assert_eq!(setup.take(), (1..=25).collect::<Vec<_>>());
    let ConsumerError::Discontinuity(found) = error else { panic!("{error:?}") };
    found
}

fn begin_a_new_life(feed: &mut Feed) {
    feed.incarnation = "second".parse().unwrap();
}

fn truncate(feed: &mut Feed) {
    feed.events.truncate(20);
}

fn rewrite_the_last(feed: &mut Feed) {
    let changed = Feed::new(24).events.pop().unwrap().event;
    feed.events.truncate(25);
    feed.events.last_mut().unwrap().event = changed;
    feed.publish(10);
}

#[tokio::test]
async fn a_new_incarnation_stops_the_subscription() {
    let (_, found) = read_change_read(begin_a_new_life).await;
    let present = Some("second".parse().unwrap());
    for found in [found, change_while_reading(begin_a_new_life).await] {
        assert!(
            matches!(&found, Discontinuity::NewIncarnation { stored, present: now, position, .. }
                if stored.as_str() == "k3v9x2" && *now == present && *position == at(25)),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_feed_that_ends_before_the_cursor_stops_the_subscription() {
    let (_, found) = read_change_read(truncate).await;
    for found in [found, change_while_reading(truncate).await] {
        assert!(
            matches!(found, Discontinuity::BeyondHead { head: Some(head), position, .. }
                if head == at(20) && position == at(25)),
            "{found:?}"
        );
    }
    let (_, found) = read_change_read(|feed| feed.events.truncate(24)).await;
    assert!(matches!(found, Discontinuity::BeyondHead { .. }), "{found:?}");
}

#[tokio::test]
async fn a_last_event_that_is_another_one_stops_the_subscription() {
    let (_, found) = read_change_read(rewrite_the_last).await;
    let message = found.to_string();
    assert!(message.contains("has the event 24 of /shop at position 25"), "{message}");
    assert!(message.contains("where the event 25 of /shop was handled"), "{message}");
}

#[tokio::test]
async fn a_last_event_that_says_something_else_stops_the_subscription() {
    let (_, found) = read_change_read(|feed| {
        let last = feed.events.last_mut().unwrap();
        let mut parts = last.event.clone().into_parts();
        parts.data = Some(bytes::Bytes::from_static(b"{}"));
        last.event = feed_protocol::Event::new(parts).unwrap();
    })
    .await;
    assert!(found.to_string().contains("the same event with another content"), "{found}");
}

#[tokio::test]
async fn with_another_filter_the_subscription_goes_on_where_it_stands() {
    let (server, feed) = serve(Feed::new(25)).await;
    let setup = Setup::new();
    setup.run(&server.url("/feeds/orders?type=b")).await.unwrap();
    assert_eq!(setup.take().last(), Some(&24));
    feed.lock().unwrap().publish(5);
    setup.run(&server.url("/feeds/orders?type=a")).await.unwrap();
    assert_eq!(setup.take(), [26, 28, 29]);
    feed.lock().unwrap().publish(1);
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [31]);
    feed.lock().unwrap().events.truncate(25);
    let ended = setup.run(&server.url("/feeds/orders?type=b")).await;
    assert!(matches!(ended, Err(ConsumerError::Discontinuity(_))), "{ended:?}");
}

#[tokio::test]
async fn under_a_filter_a_last_event_that_is_another_one_stops_the_subscription() {
    let (server, feed) = serve(Feed::new(24)).await;
    let setup = Setup::new();
    let url = server.url("/feeds/orders?type=b");
    setup.run(&url).await.unwrap();
    setup.take();
    let mut other = Feed::new(23);
    other.events[22].event = other.events[20].event.clone();
    other.publish(1);
    other.events[23].event = other.events[20].event.clone();
    *feed.lock().unwrap() = other;
    let ended = setup.run(&url).await;
    assert!(matches!(ended, Err(ConsumerError::Discontinuity(_))), "{ended:?}");
    assert_eq!(setup.take(), [0_u64; 0]);
}

#[tokio::test]
async fn another_feed_at_the_address_stops_the_subscription() {
    let (_, found) = read_change_read(|feed| feed.iri = "urn:uuid:2".into()).await;
    assert!(
        matches!(&found, Discontinuity::OtherFeed { present, .. } if present == "urn:uuid:2"),
        "{found:?}"
    );
}

#[tokio::test]
async fn where_nothing_was_handled_since_now_the_feed_is_known_all_the_same() {
    let (server, feed) = serve(Feed::new(25)).await;
    let setup = Setup::new();
    let from_now = || setup.noting(setup.builder(&server.url(FEED)).start(Start::Now));
    from_now().run(std::future::pending()).await.unwrap();
    rewrite_the_last(&mut feed.lock().unwrap());
    let error = from_now().run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Discontinuity(_)), "{error:?}");
    assert_eq!(setup.take(), [0_u64; 0]);
}

#[tokio::test]
async fn a_feed_that_was_replaced_behind_an_error_is_noticed() {
    let (server, feed) = serve_with(Feed::new(25), |asked, answer| {
        let fails = asked.target.ends_with("/after/25") && asked.repeats == 3;
        if fails { Answer::status("500 x") } else { answer }
    })
    .await;
    let setup = Setup::new();
    let schedule = "every:1ms".parse::<Schedule>().unwrap();
    let builder = setup.builder(&server.url(FEED)).until_idle(false).schedule(schedule);
    let consumer = setup.noting(builder);
    let mut progress = consumer.progress();
    let changing = async {
        progress.wait_for(|it| it.position == at(25)).await.unwrap();
        let mut feed = feed.lock().unwrap();
        let changed = Feed::new(24).events.pop().unwrap().event;
        feed.events.last_mut().unwrap().event = changed;
    };
    let (ended, ()) = tokio::join!(consumer.run(std::future::pending()), changing);
    let error = ended.unwrap_err();
    assert!(
        matches!(error, ConsumerError::Discontinuity(Discontinuity::OtherEvent { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_feed_that_is_gone_stops_the_subscription() {
    let server = Scripted::start(|_| Answer::status("410 Gone")).await;
    let error = Setup::new().run(&server.url(FEED)).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Discontinuity(Discontinuity::Gone { .. })), "{error:?}");
}

/// Puts the feed back to 20 events, and publishes others until it is longer than before.
fn put_back_and_publish_others(feed: &mut Feed) {
    feed.events.truncate(20);
    let others = Feed::new(38).events.split_off(30);
    for (position, mut other) in (21..).zip(others) {
        other.position = at(position);
        feed.events.push(other);
    }
}

fn assert_other_event(found: &Discontinuity) {
    assert!(
        matches!(found, Discontinuity::OtherEvent { position, .. } if *position == at(25)),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_feed_that_was_put_back_between_two_polls_is_noticed_before_its_news_are_handled() {
    // The connection stays, as behind a proxy.
    assert_other_event(&change_while_reading(put_back_and_publish_others).await);
}

#[tokio::test]
async fn a_feed_that_was_put_back_is_noticed_by_a_new_connection_without_news() {
    let (server, feed) = serve_with(Feed::new(25), |_, answer| answer.closing()).await;
    let found = change_while_following(&server, &feed, rewrite_the_25th).await;
    assert_other_event(&found);
}

fn rewrite_the_25th(feed: &mut Feed) {
    let changed = Feed::new(24).events.pop().unwrap().event;
    feed.events.last_mut().unwrap().event = changed;
}

#[tokio::test]
async fn a_page_that_a_cache_has_kept_does_not_prove_what_the_feed_is_now() {
    // Cached pages tell of 25 events; since then the feed was put back, and went on otherwise.
    let kept = Feed::new(25);
    let mut feed = kept.clone();
    put_back_and_publish_others(&mut feed);
    feed.events[19].event = Feed::new(99).events.pop().unwrap().event;
    let (server, _) = serve_with(feed, move |asked, answer| {
        if asked.target.ends_with("/pages/1") || asked.target.ends_with("/pages/2") {
            kept.answer(asked)
        } else {
            answer
        }
    })
    .await;
    let setup = Setup::new();
    let error = setup.run(&server.url(FEED)).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Discontinuity(_)), "{error:?}");
    assert_eq!(setup.take(), (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_was_open_when_a_cache_read_it_is_read_on_from_its_end() {
    let kept = Feed::new(15);
    let (server, _) = serve_with(Feed::new(25), move |asked, answer| {
        if asked.target.ends_with("/pages/2") { kept.answer(asked) } else { answer }
    })
    .await;
    let setup = Setup::new();
    assert_eq!(setup.run(&server.url(FEED)).await.unwrap().position, at(25));
    assert_eq!(setup.take(), (1..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_that_are_gone_are_read_as_tails_as_long_as_these_are_there() {
    let (server, _) = serve_with(Feed::new(25), |asked, answer| {
        if asked.target.contains("/pages/") { Answer::status("410 Gone") } else { answer }
    })
    .await;
    let setup = Setup::new();
    assert_eq!(setup.run(&server.url(FEED)).await.unwrap().position, at(25));
    assert_eq!(setup.take(), (1..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_gone_is_never_passed_over() {
    let (server, _) = serve_with(Feed::new(25), |asked, answer| {
        let gone = ["/pages/1", "/after/0", "/after/5"];
        let is_gone = gone.iter().any(|it| asked.target.ends_with(it));
        if is_gone { Answer::status("410 Gone") } else { answer }
    })
    .await;
    let setup = Setup::new();
    let builder = setup.builder(&server.url(FEED)).give_up_after(Some(Duration::from_millis(50)));
    let error = setup.noting(builder).run(std::future::pending()).await.unwrap_err();
    let ConsumerError::Unreadable { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("410 Gone"), "{source}");
    assert_eq!(setup.take(), [0_u64; 0]);
}
