//! `feed-server`, `feed-server serve` and `feed-server config`: how it starts, refuses to start,
//! and ends.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use feed_tests::events::order;
use feed_tests::process::{Ended, Process, command, run};
use feed_tests::raw::Connection;
use feed_tests::reading::by_tails;
use feed_tests::{Http, ServerOptions, ServerProcess, binaries, eventually};
use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// The program in a folder of its own, at any free port unless told otherwise.
fn feed_server(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = command(binaries::feed_server());
    command.current_dir(folder).env("FEED_SERVER_LISTEN", "127.0.0.1:0").args(arguments);
    command
}

async fn refused(folder: &TempDir, arguments: &[&str], names: &[&str]) -> Ended {
    run(feed_server(folder.path(), arguments)).await.expect_refusal(2, names)
}

/// Starts it, and waits until it says where it listens.
async fn started(command: Command) -> (Process, Http) {
    let process = Process::start(command);
    let line = process.line(0, |_| true).await;
    let address = line.strip_prefix("listening on ").expect("the first line names the address");
    assert!(address.starts_with("http://127.0.0.1:") && address.ends_with('/'), "{address}");
    assert!(!address.ends_with(":0/"), "{address}");
    let http = Http::new(address.parse().unwrap());
    (process, http)
}

#[tokio::test]
async fn without_a_command_it_serves_customers_and_orders_from_a_file_in_the_folder() {
    let folder = tempdir().unwrap();
    // The port is the environment's; that it would otherwise be 3000 shows in `--help`.
    let mut command = feed_server(folder.path(), &[]);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    command.env("FEED_SERVER_LISTEN", free.to_string());
    let (process, http) = started(command).await;
    assert_eq!(http.url("/").port(), Some(free.port()));
    for feed in ["customers", "orders"] {
        http.get(&format!("/feeds/{feed}")).send().await.expect(200);
    }
    assert!(folder.path().join("feeds.db").is_file());
    process.signal("TERM");
    let ended = process.ended().await.expect_code(0);
    assert_eq!(ended.stdout.lines().count(), 1, "logs belong on standard error: {}", ended.stdout);
}

#[tokio::test]
async fn flags_environment_and_file_say_the_same_in_this_order() {
    let folder = tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "feeds = ['of-file']\npage_size = 3\ncurrent_max_age_seconds = 9\n")
        .unwrap();
    let config = config.to_str().unwrap();
    let feeds = async |command: Command| {
        let (process, http) = started(command).await;
        let service = http.get("/").send().await.expect(200).text();
        let max_age = http.get("/feeds/of-file").send().await;
        drop(process);
        (service, max_age)
    };
    let (service, of_file) =
        feeds(feed_server(folder.path(), &["serve", "--config", config])).await;
    assert!(
        service.contains("feeds/of-file\"") && !service.contains("feeds/orders\""),
        "{service}"
    );
    assert_eq!(of_file.expect(200).header("cache-control"), "public, max-age=9");

    let mut command = feed_server(folder.path(), &["serve"]);
    command.env("FEED_SERVER_CONFIG", config).env("FEED_SERVER_FEED", "of-environment,another");
    let (service, _) = feeds(command).await;
    assert!(service.contains("feeds/of-environment\""), "{service}");
    assert!(service.contains("feeds/another\""), "{service}");

    let mut command = feed_server(folder.path(), &["serve", "--feed", "of-flag", "--feed", "two"]);
    command.env("FEED_SERVER_FEED", "never");
    let (service, _) = feeds(command).await;
    assert!(service.contains("feeds/of-flag\"") && service.contains("feeds/two\""), "{service}");
    assert!(!service.contains("feeds/never\""), "{service}");
}

#[tokio::test]
async fn the_page_size_of_a_feed_never_changes() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    let page = format!("{}/pages/2", server.folder("orders").await);
    let before = server.get(&page).send().await.expect(200);
    let other = ServerOptions::default().on_database_of(&server).page_size(50).start().await;
    let after = other.get(&page).send().await.expect(200);
    assert_eq!(after.body, before.body);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&folder, &["serve", "--listen", &address], &["listen", &address]).await;
    assert_holds_nothing(&folder);
}

#[track_caller]
fn assert_holds_nothing(folder: &TempDir) {
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "a refusal leaves {left:?} behind");
}

#[tokio::test]
async fn only_serving_and_creating_a_feed_make_a_database() {
    let folder = tempdir().unwrap();
    let lines = tempdir().unwrap().path().join("lines.jsonl");
    let remedy = ["typo.db", "feed-server feeds create"];
    for arguments in [
        &["feeds", "list"][..],
        &["publish", "orders", "--type", "a"],
        &["import", "orders", "--type", "a", "--from", lines.to_str().unwrap()],
    ] {
        let arguments = [arguments, &["--database", "typo.db"]].concat();
        refused(&folder, &arguments, &remedy).await;
        assert_holds_nothing(&folder);
    }
    let create = ["feeds", "create", "orders", "--database", "new.db"];
    run(feed_server(folder.path(), &create)).await.expect_code(0);
    let list = run(feed_server(folder.path(), &["feeds", "list", "--database", "new.db"])).await;
    assert!(list.expect_code(0).stdout.contains("orders"));
}

#[tokio::test]
async fn a_database_that_cannot_be_one_is_named() {
    let folder = tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::write(folder.path().join("text.db"), "This is no database. ".repeat(100)).unwrap();
    for (database, name) in [
        ("folder", "folder"),
        ("text.db", "text.db"),
        ("missing/feeds.db", "missing/feeds.db"),
        ("sqlite:missing/feeds.db", "missing/feeds.db"),
        ("mysql://a/b", "mysql"),
        ("postgres://a/b", "PostgreSQL"),
        ("", "database"),
    ] {
        for arguments in
            [&["serve", "--database", database][..], &["feeds", "--database", database, "list"]]
        {
            refused(&folder, arguments, &["database", name]).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_key_is_named() {
    let folder = tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let config_text = config.to_str().unwrap();
    for (text, names) in [
        ("lisen = '127.0.0.1:1'", &["config.toml", "line 1", "lisen"][..]),
        ("page_size = 3\n\n[server]\nx = 1", &["line 3", "server"]),
        ("page_size = 'many'", &["line 1", "page_size"]),
        ("page_size = 0", &["page_size", "1 to 1000"]),
        ("page_size = 1001", &["page_size", "1001"]),
        ("page_size =", &["line 1"]),
        ("feeds = ['Orders']", &["feeds", "Orders"]),
        ("public_url = 'nonsense'", &["public_url"]),
        ("public_url = 'ftp://a/'", &["public", "ftp://a/"]),
        ("heartbeat_seconds = 0", &["heartbeat_seconds"]),
        ("long_poll_max_seconds = 301", &["long_poll_max_seconds", "300"]),
    ] {
        std::fs::write(&config, text).unwrap();
        for arguments in
            [&["serve", "--config", config_text][..], &["config", "check", "--config", config_text]]
        {
            let ended = run(feed_server(folder.path(), arguments)).await;
            if ended.status.code() == Some(0) {
                panic!("{text:?} is accepted by {arguments:?}: {}", ended.stdout);
            }
            ended.expect_refusal(2, names);
        }
    }
    refused(&folder, &["serve", "--config", "missing.toml"], &["missing.toml"]).await;
    let mut command = feed_server(folder.path(), &["serve"]);
    command.env("FEED_SERVER_LISEN", "127.0.0.1:1");
    let names = ["FEED_SERVER_LISEN", "FEED_SERVER_CONFIG, FEED_SERVER_LISTEN, "];
    run(command).await.expect_refusal(2, &names);
}

#[tokio::test]
async fn a_bad_flag_or_variable_is_named() {
    let folder = tempdir().unwrap();
    for (arguments, name) in [
        (&["serve", "--listen", "nonsense"][..], "--listen"),
        (&["serve", "--public-url", "nonsense"], "--public-url"),
        (&["serve", "--public-url", "ftp://a/"], "ftp://a/"),
        (&["serve", "--feed", "Bad Name"], "--feed"),
        (&["serve", "--page-size", "0"], "page_size"),
        (&["serve", "--unknown"], "--unknown"),
        (&["unknown"], "unknown"),
        (&["config"], "example, check"),
        (&["feeds"], "list, create"),
    ] {
        refused(&folder, arguments, &[name]).await;
    }
    for (variable, value) in [
        ("FEED_SERVER_LISTEN", "nonsense"),
        ("FEED_SERVER_PUBLIC_URL", "nonsense"),
        ("FEED_SERVER_PAGE_SIZE", "many"),
        ("FEED_SERVER_FEED", "Bad Name"),
    ] {
        for arguments in [&[][..], &["serve"], &["config", "check"]] {
            let mut command = feed_server(folder.path(), arguments);
            command.env(variable, value);
            run(command).await.expect_refusal(2, &[value]);
        }
    }
    assert!(!folder.path().join("feeds.db").exists(), "a refusal makes no database");
}

#[tokio::test]
async fn strangers_may_publish_only_if_somebody_said_so() {
    let folder = tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let remedy = "--allow-anonymous-publishing";
        refused(&folder, &["serve", "--listen", address], &["listen", remedy]).await;
    }
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--allow-anonymous-publishing"];
    let process = Process::start(feed_server(folder.path(), &arguments));
    let line = process.line(0, |_| true).await;
    assert!(line.starts_with("listening on http://0.0.0.0:"), "{line}");
}

#[tokio::test]
async fn the_sample_of_the_settings_is_accepted_and_states_the_defaults() {
    let folder = tempdir().unwrap();
    let sample = run(feed_server(folder.path(), &["config", "example"])).await.expect_code(0);
    for key in
        ["listen", "database", "public_url", "feeds", "page_size", "allow_anonymous_publishing"]
    {
        assert!(sample.stdout.contains(&format!("{key} = ")), "{}", sample.stdout);
    }
    std::fs::write(folder.path().join("sample.toml"), &sample.stdout).unwrap();
    let check = ["config", "check", "--config", "sample.toml"];
    run(feed_server(folder.path(), &check)).await.expect_code(0);
    assert!(!folder.path().join("feeds.db").exists(), "a check makes no database");
}

#[tokio::test]
async fn help_names_every_command_and_setting() {
    let folder = tempdir().unwrap();
    for (arguments, mentions) in [
        (&["--help"][..], &["serve", "publish", "import", "feeds", "config", "127.0.0.1:3000"][..]),
        (
            &["serve", "--help"],
            &["--listen", "--database", "--public-url", "--feed", "--page-size", "--config"],
        ),
        (&["serve", "--help"], &["FEED_SERVER_LISTEN", "FEED_SERVER_PAGE_SIZE", "[default: 100]"]),
        (&["publish", "--help"], &["--type", "--subject", "--data", "@FILE", "standard input"]),
        (&["import", "--help"], &["--from", "resumed"]),
        (&["feeds", "--help"], &["list", "create"]),
        (&["config", "--help"], &["example", "check"]),
    ] {
        let help = run(feed_server(folder.path(), arguments)).await.expect_code(0);
        for mention in mentions {
            assert!(
                help.stdout.contains(mention),
                "{arguments:?} without {mention}: {}",
                help.stdout
            );
        }
    }
    let version = run(feed_server(folder.path(), &["--version"])).await.expect_code(0);
    assert!(version.stdout.starts_with("feed-server "), "{}", version.stdout);
}

#[tokio::test]
async fn at_sigterm_it_finishes_what_it_began_and_takes_nothing_new() {
    for signal in ["TERM", "INT"] {
        let server = ServerProcess::start().await;
        let address = server.address();
        // Half a publish is under way.
        let body = order(1).to_string();
        let mut publish = Connection::open(address).await;
        let header = format!(
            "POST /feeds/orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/cloudevents+json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        publish.send(header).await.send(&body[..10]).await;
        // A connection that is kept alive is closed.
        let mut kept = Connection::open(address).await;
        kept.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(kept.answer().await.status, 200);
        server.process().signal(signal);
        kept.closed().await;
        eventually("new connections to be refused", async || {
            tokio::net::TcpStream::connect(address).await.is_err().then_some(())
        })
        .await;
        publish.send(&body[10..]).await;
        assert_eq!(publish.answer().await.status, 201);
        let options = ServerOptions::default().on_database_of(&server);
        let begun = Instant::now();
        server.ended().await.expect_code(0);
        assert!(begun.elapsed() < Duration::from_secs(15), "it did not end by itself");
        let again = options.start().await;
        assert_eq!(by_tails(&again, "orders").await.len(), 1);
    }
}
