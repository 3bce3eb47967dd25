use super::*;
use crate::schedule::Schedule;
use crate::schedule::timetable::{Situation, Timetable, When};

#[tokio::test]
async fn every_event_is_handled_once_in_order_by_pages_and_then_the_tail() {
    let (server, _) = serve(Feed::new(37)).await;
    let setup = Setup::new();
    let summary = setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!((summary.handled, summary.position), (37, at(37)));
    assert_eq!(summary.ended, Ended::Idle);
    assert_eq!(setup.take(), (1..=37).collect::<Vec<_>>());
    let targets = server.targets();
    let paths: Vec<_> = targets.iter().map(|it| it.trim_start_matches("/feeds/orders")).collect();
    let pages = ["/k3v9x2/pages/1", "/k3v9x2/pages/2", "/k3v9x2/pages/3", "/k3v9x2/pages/4"];
    assert_eq!(paths[..2], ["", "/k3v9x2/after/37"]);
    assert_eq!(paths[2..6], pages);
    // The last full page may have come from a cache: the server itself is asked what it ends with.
    assert_eq!(paths[6..], ["/k3v9x2/after/29", "/k3v9x2/after/37"]);
}

#[tokio::test]
async fn a_subscription_goes_on_where_it_stood() {
    let (server, feed) = serve(Feed::new(12)).await;
    let setup = Setup::new();
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take().len(), 12);
    assert_eq!(setup.run(&server.url(FEED)).await.unwrap().handled, 0);
    feed.lock().unwrap().publish(30);
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), (13..=42).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_feed_is_idle_at_once() {
    let (server, feed) = serve(Feed::new(0)).await;
    let setup = Setup::new();
    assert_eq!(setup.run(&server.url(FEED)).await.unwrap().position, Position::ZERO);
    feed.lock().unwrap().publish(1);
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [1]);
}

#[tokio::test]
async fn from_now_only_what_is_new_is_handled() {
    let (server, feed) = serve(Feed::new(25)).await;
    let setup = Setup::new();
    let from_now = || setup.noting(setup.builder(&server.url(FEED)).start(Start::Now));
    assert_eq!(from_now().run(std::future::pending()).await.unwrap().handled, 0);
    feed.lock().unwrap().publish(2);
    assert_eq!(from_now().run(std::future::pending()).await.unwrap().position, at(27));
    assert_eq!(setup.take(), [26, 27]);
}

#[tokio::test]
async fn after_a_position_only_what_is_beyond_it_is_handled() {
    let (server, _feed) = serve(Feed::new(25)).await;
    let setup = Setup::new();
    let after = |position| {
        setup.noting(setup.builder(&server.url(FEED)).start(Start::Position(at(position))))
    };
    let error = after(26).run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::StartBeyondHead { .. }), "{error}");
    assert!(error.to_string().contains("ends at position 25"), "{error}");
    after(23).run(std::future::pending()).await.unwrap();
    assert_eq!(setup.take(), [24, 25]);
    // One that has a cursor goes on there, wherever it would begin.
    assert_eq!(after(26).run(std::future::pending()).await.unwrap().handled, 0);
}

#[tokio::test]
async fn a_running_subscription_hears_of_what_is_new() {
    let (server, feed) = serve(Feed::new(3)).await;
    let setup = Setup::new();
    let schedule = "every:1ms".parse::<Schedule>().unwrap();
    let builder = setup.builder(&server.url(FEED)).until_idle(false).schedule(schedule);
    let consumer = setup.noting(builder);
    let mut progress = consumer.progress();
    let end = async {
        progress.wait_for(|it| it.position == at(3)).await.unwrap();
        feed.lock().unwrap().publish(20);
        let told = *progress.wait_for(|it| it.position == at(23)).await.unwrap();
        assert_eq!((told.head, told.handled), (at(23), 23));
    };
    let summary = consumer.run(end).await.unwrap();
    assert_eq!((summary.position, summary.ended), (at(23), Ended::Shutdown));
    assert_eq!(setup.take(), (1..=23).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_timetable_of_ones_own_says_when_to_ask() {
    /// Says how often it was asked.
    #[derive(Debug)]
    struct Soon(Arc<Mutex<u32>>);

    impl Timetable for Soon {
        fn next(&self, situation: &Situation) -> When {
            *self.0.lock().unwrap() += 1;
            assert!(situation.quiet < Duration::from_secs(60));
            When::After(Duration::from_millis(5))
        }
    }

    let (server, feed) = serve(Feed::new(3)).await;
    let setup = Setup::new();
    let asked = Arc::new(Mutex::new(0));
    let builder = setup.builder(&server.url(FEED)).until_idle(false);
    let consumer = setup.noting(builder.schedule(Soon(Arc::clone(&asked))));
    let mut progress = consumer.progress();
    let end = async {
        while *asked.lock().unwrap() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        feed.lock().unwrap().publish(1);
        drop(progress.wait_for(|it| it.position == at(4)).await.unwrap());
    };
    consumer.run(end).await.unwrap();
    assert_eq!(setup.take(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn under_a_filter_the_cursor_passes_what_is_not_shown() {
    let (server, feed) = serve(Feed::new(34)).await;
    let setup = Setup::new();
    let url = server.url("/feeds/orders?type=b");
    let summary = setup.run(&url).await.unwrap();
    assert_eq!((summary.handled, summary.position), (11, at(34)));
    assert_eq!(setup.take(), (1..=11).map(|it| it * 3).collect::<Vec<_>>());
    feed.lock().unwrap().publish(2);
    let summary = setup.run(&url).await.unwrap();
    assert_eq!((setup.take(), summary.position), (vec![36], at(36)));
}

#[tokio::test]
async fn a_server_that_knows_itself_by_another_name_is_read_at_the_one_we_know() {
    let public_url = Some("https://shop.example/feeds/".to_owned());
    let (server, _) = serve(Feed { public_url, ..Feed::new(25) }).await;
    let setup = Setup::new();
    assert_eq!(setup.run(&server.url(FEED)).await.unwrap().handled, 25);
}

#[tokio::test]
async fn the_same_feed_at_another_address_is_read_on() {
    let (server, feed) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    setup.run(&server.url(FEED)).await.unwrap();
    let mut moved = feed.lock().unwrap().clone();
    moved.publish(2);
    let (other, _) = serve(moved).await;
    setup.take();
    setup.run(&other.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [6, 7]);
}

#[tokio::test]
async fn groups_read_independently_of_each_other() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    for group in ["billing", "shipping"] {
        let consumer = setup.noting(setup.builder(&server.url(FEED)).group(group));
        assert_eq!(consumer.run(std::future::pending()).await.unwrap().handled, 5);
    }
}
