use std::path::Path;

use super::*;

fn load(text: &str, run: &RunArgs) -> Result<Vec<Subscription>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumer.toml");
    std::fs::write(&path, text).unwrap();
    let place = PlaceArgs { config: Some(path), database: None };
    super::load(run, &place).map_err(|error| error.to_string())
}

fn of_file(text: &str) -> Result<Vec<Subscription>, String> {
    load(text, &RunArgs::default())
}

/// A subscription `NAME` with these lines more.
fn table(name: &str, lines: &str) -> String {
    format!("[subscriptions.{name}]\nurl = 'http://h/feeds/orders'\n{lines}\n")
}

fn flags(change: fn(&mut RunArgs)) -> Result<Subscription, String> {
    let mut run = RunArgs { url: Some("http://h/feeds/orders".into()), ..RunArgs::default() };
    change(&mut run);
    let loaded = super::load(&run, &PlaceArgs::default()).map_err(|error| error.to_string())?;
    Ok(loaded.into_iter().next().unwrap())
}

#[test]
fn the_sample_states_the_defaults_and_every_setting() {
    let sample = of_file(EXAMPLE).unwrap();
    let names: Vec<_> = sample.iter().map(|it| it.said.name().unwrap()).collect();
    assert_eq!(names, ["billing", "customers", "shop"]);
    let [billing, customers, _] = sample.try_into().unwrap();
    assert_eq!(billing.database, customers.database);
    assert_eq!(billing.from, customers.from);
    assert!(
        matches!(&billing.schedule, Schedule::Live)
            && matches!(&customers.schedule, Schedule::Live)
    );
    assert_eq!(billing.give_up_after, Some(GiveUpAfter(None)));
    // What the sample shows commented out is a setting as well, and every setting is there.
    let all: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("#! ").unwrap_or(line).to_owned() + "\n")
        .collect();
    File::parse(&all).unwrap();
    let error = File::parse("[subscriptions.a]\nx = 1").unwrap_err();
    let keys = error.split('`').skip(3).step_by(2).collect::<Vec<_>>();
    assert!(keys.contains(&"url") && keys.len() > 10, "{error}");
    for key in keys {
        assert!(all.contains(&format!("\n{key} = ")), "{key} is not in the sample");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_said_in_one_line_with_the_place() {
    for (text, says) in [
        ("database = 1", &["line 1, database", "string"][..]),
        ("lisen = 1", &["line 1, lisen", "unknown field", "`subscriptions`"]),
        ("", &["no subscription", "config example"]),
        (&table("a", "gruop = 'x'"), &["line 3, gruop", "unknown field `gruop`", "`group`"]),
        (&table("a", "from = 'end'"), &["line 3, from", "'beginning', 'now'"]),
        (&table("a", "schedule = '5s'"), &["line 3, schedule", "such as 'every:5s'"]),
        (&table("a", "requests = { tken_file = 'x' }"), &["line 3, requests", "`token_file`"]),
        (&table("a", "requests = { token = 'x' }"), &["line 3, requests", "`token_file`"]),
        (&table("a", "requests = { connect_timeout = '0s' }"), &["line 3", "such as '10s'"]),
        (&table("a", "print = true\nprint = true"), &["line 4", "duplicate"]),
        (&table("a", ""), &["subscriptions.a", "print = true"]),
        (&table("a", "print = true\nexec = 'x'"), &["subscriptions.a, print and exec"]),
        (&table("a", "exec = 'x'\ndeadline = '0s'"), &["line 4, deadline", "such as '30s'"]),
        (&table("a", "print = true\ndeadline = '9s'"), &["subscriptions.a", "print", "deadline"]),
        (&table("a", "print = true\nrepair = ' '"), &["subscriptions.a, repair", "name a command"]),
        (&table("a", "exec = ' '"), &["subscriptions.a, exec", "name a command"]),
        (&table("a", "print = true\nforward_timeout = '1s'"), &["forward_timeout", "no forward"]),
        (&table("a", "forward = 'h'"), &["subscriptions.a, forward:", "such as https://"]),
        (
            &table("a", "forward = 'http://h/'\nforward_secret_file = '/nowhere/s'"),
            &["subscriptions.a, forward_secret_file", "/nowhere/s"],
        ),
        (
            &table("a", "forward = 'http://h/'\nforward_headers = ['Team']"),
            &["subscriptions.a, forward_headers", "NAME: VALUE"],
        ),
        ("[subscriptions.a]\nprint = true", &["subscriptions.a, url", "name a feed"]),
    ] {
        let error = of_file(text).unwrap_err();
        assert!(error.contains("consumer.toml, ") || error.contains("consumer.toml:"), "{error}");
        assert!(says.iter().all(|it| error.contains(it)), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn two_subscriptions_with_one_cursor_are_refused() {
    let two = |first: &str, second: &str| of_file(&(table("a", first) + &table("b", second)));
    let error = two("exec = 'x'", "exec = 'y'").unwrap_err();
    assert!(error.contains("subscriptions.a and") && error.contains("another group"), "{error}");
    two("exec = 'x'", "exec = 'y'\ngroup = 'other'").unwrap();
    two("exec = 'x'", "exec = 'y'\ndatabase = 'other.db'").unwrap();
    let spelled = "[subscriptions.b]\nurl = 'http://u:p@H:80/feeds/orders#x'\nexec = 'x'";
    let error = of_file(&(table("a", "exec = 'x'") + spelled)).unwrap_err();
    assert!(error.contains("same feed"), "{error}");
    let error = two("print = true", "print = true\ngroup = 'other'").unwrap_err();
    assert!(error.contains("both print"), "{error}");
}

#[test]
fn a_flag_goes_before_the_file_where_both_may_say_so() {
    let text = table("a", "exec = 'x'\ngive_up_after = '1s'\nfrom = 'now'");
    let run = RunArgs {
        until_idle: true,
        from: Some(Start::Beginning),
        give_up_after: Some(GiveUpAfter(None)),
        ..RunArgs::default()
    };
    let loaded = load(&text, &run).unwrap();
    assert!(loaded[0].until_idle && loaded[0].from == Start::Beginning);
    assert_eq!(loaded[0].give_up_after, Some(GiveUpAfter(None)));
    let in_vain = RunArgs { group: Some("g".into()), ..RunArgs::default() };
    let error = load(&text, &in_vain).unwrap_err();
    assert!(error.contains("--group (FEED_CONSUMER_GROUP) and --config"), "{error}");
}

#[test]
fn a_sink_must_be_named_once() {
    let error = flags(|_| ()).unwrap_err();
    assert!(["--print", "--exec", "--forward"].iter().all(|it| error.contains(it)), "{error}");
    let error = flags(|run| (run.print, run.exec) = (true, Some("x".into()))).unwrap_err();
    assert!(error.contains("leave the other out"), "{error}");
    let error = flags(|run| run.exec = Some(" ".into())).unwrap_err();
    assert!(error.contains("--exec (FEED_CONSUMER_EXEC)") && error.contains("name a"), "{error}");
    let exec = flags(|run| run.exec = Some("true".into())).unwrap();
    assert!(matches!(exec.sink, Sink::Exec(command) if command == "true"));
    let error = flags(|run| run.forward.forward_headers = vec!["a: b".into()]).unwrap_err();
    assert!(error.contains("--forward-header (") && error.contains("no --forward"), "{error}");
}

#[test]
fn header_fields_can_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fields");
    std::fs::write(&file, "X-Team: shop\n\nX-Key:secret:1\r\n").unwrap();
    let forward = |file: &Path| {
        let file = file.display();
        of_file(&table("a", &format!("forward = 'http://h/'\nforward_headers = ['@{file}']")))
    };
    forward(&file).unwrap();
    std::fs::write(&file, "Host: other").unwrap();
    let error = forward(&file).unwrap_err();
    assert!(error.contains("host is decided by"), "{error}");
    let error = forward(&folder.path().join("none")).unwrap_err();
    assert!(error.contains("cannot read"), "{error}");
}
