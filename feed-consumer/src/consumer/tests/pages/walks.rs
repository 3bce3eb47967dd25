//! Links that lead nowhere good.

use super::*;

/// What is said of a log whose page 2 is this, however often it is read.
async fn walk_with(page: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> String {
    let (server, _) =
        serve_log(
            Log::pages(16),
            move |asked, _, answer| {
                if asked.target == "/page/2" { page(asked) } else { answer }
            },
        )
        .await;
    let setup = Setup::new();
    let error = setup.read_as(setup.impatient(&server)).await.unwrap_err();
    // Nothing of it is handled, and no state is left in which it would be.
    let again = setup.read_as(setup.impatient(&server)).await.unwrap_err();
    assert_eq!(reason(again), reason_of(&error));
    reason_of(&error).replace(&server.url(""), "")
}

fn reason_of(error: &ConsumerError) -> String {
    let ConsumerError::Unreadable { source, .. } = error else { panic!("{error:?}") };
    source.to_string()
}

fn leading_to(href: &str) -> Answer {
    document(&format!("<link rel=\"next\" href=\"{href}\"/>"), 7..10)
}

#[tokio::test]
async fn links_that_lead_in_a_circle_are_an_error() {
    for to in ["/page/2", "/page/1", "/log", "/page/1#x"] {
        let said = walk_with(move |_| leading_to(to)).await;
        assert!(
            said.starts_with("GET /page/2: its link to an older page leads in a circle"),
            "{said}"
        );
        assert!(said.contains("max_pages 0"), "{said}");
    }
}

#[tokio::test]
async fn links_to_another_origin_are_an_error() {
    for to in ["http://other.example/page/3", "https://127.0.0.1/page/3", "file:///etc/passwd"] {
        let said = walk_with(move |_| leading_to(to)).await;
        assert!(said.contains(&format!("on another origin, {to}, which is not read")), "{said}");
    }
    let said = walk_with(|_| leading_to("http://")).await;
    assert!(said.contains("its link next is no URL"), "{said}");
}

#[tokio::test]
async fn a_page_that_repeats_the_one_after_it_is_an_error() {
    // As software does that knows no pages, and says that there are some.
    let said = walk_with(|_| document(&link("next", "/page", 9), (11..14).rev())).await;
    assert!(said.contains("/page/2: it repeats the entries of /page/1"), "{said}");
}

#[tokio::test]
async fn a_page_that_is_no_feed_is_an_error() {
    let said = walk_with(|_| Answer::new("200 OK", &[("content-type", "text/html")], b"x")).await;
    assert!(said.contains("/page/2: it is \"text/html\", and not a feed"), "{said}");
    let said = walk_with(|_| Answer::status("404 Not Found")).await;
    assert!(said.contains("/page/2: 404"), "{said}");
}

#[tokio::test]
async fn what_was_wrong_for_a_while_is_read_when_it_is_mended() {
    let (server, _) = serve_log(Log::pages(16), |asked, _, answer| match asked.repeats {
        0 if asked.target == "/page/2" => leading_to("/page/1"),
        1 if asked.target == "/page/3" => Answer::status("503 x"),
        2 if asked.target == "/page/1" => answer.cut(10),
        _ => answer,
    })
    .await;
    assert_eq!(Setup::new().read(&server).await.unwrap(), to(16));
}

#[tokio::test]
async fn a_page_that_comes_at_last_is_no_reason_to_give_up() {
    // Failures in a row count, and not those of a whole walk.
    let (server, _) = serve_log(Log::archives(200), |asked, _, answer| {
        if asked.repeats % 2 == 0 && asked.target != LOG { answer.cut(1) } else { answer }
    })
    .await;
    let setup = Setup::new();
    let builder = setup.builder(&server.url(LOG)).give_up_after(Some(Duration::from_millis(300)));
    assert_eq!(setup.read_as(builder).await.unwrap(), to(200));
}

#[tokio::test]
async fn there_is_a_limit_on_the_pages_of_a_walk() {
    let (server, _) = serve_plain(Log::archives(20)).await;
    let setup = Setup::new();
    let limited = |count| setup.read_as(setup.builder(&server.url(LOG)).max_pages(count));
    for _ in 0..2 {
        let error = limited(5).await.unwrap_err();
        let remedy = error.remedy().unwrap();
        assert!(
            error.to_string().contains("more than 5 older pages to read (max_pages)"),
            "{error}"
        );
        assert!(remedy.contains("--max-pages) higher"), "{remedy}");
    }
    assert_eq!(limited(6).await.unwrap(), to(20));
}

#[tokio::test]
async fn without_pages_the_document_is_read_alone() {
    for log in [Log::archives(20), Log::pages(20)] {
        let (server, _) = serve_plain(log).await;
        let setup = Setup::new();
        let alone = setup.builder(&server.url(LOG)).max_pages(0);
        let seen = setup.read_as(alone).await.unwrap();
        assert_eq!(seen.last(), Some(&20));
        assert_eq!(gets(&server, 0), ["/log"]);
    }
}

#[tokio::test]
async fn a_link_that_is_another_one_each_time_is_an_error_and_no_endless_walk() {
    // As software does that puts a session into its links.
    let (server, _) = serve_log(Log::archives(8), |asked, _, _| match &*asked.target {
        LOG => {
            let says =
                format!("<link rel=\"prev-archive\" href=\"/archive/1?{}\"/>", asked.repeats);
            document(&says, 7..9)
        }
        _ => document("", 1..4),
    })
    .await;
    let setup = Setup::new();
    let error = setup.read_as(setup.impatient(&server)).await.unwrap_err();
    assert!(reason_of(&error).contains("its link to an older page is another one each time"));
    assert_eq!(server.targets().iter().filter(|it| it.starts_with("/archive")).count(), 1);
}
