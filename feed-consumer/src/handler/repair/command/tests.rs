use tokio::io::AsyncBufReadExt;

use super::super::Remedy;
use super::super::tests::parked;
use super::*;

async fn run(command: &str) -> Result<Repaired, String> {
    let answer = RepairCommand::new(command).repair(parked()).await;
    answer.map_err(|error| crate::schedule::failures::chain(error.as_error()))
}

#[tokio::test]
async fn a_command_finds_the_parked_event_on_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("question");
    assert_eq!(run(&format!("cat > {}", file.display())).await, Ok(Repaired::retry()));
    let text = std::fs::read_to_string(file).unwrap();
    let question: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (member, value) in [
        ("position", serde_json::json!(7)),
        ("shard", 3.into()),
        ("type", "order.placed".into()),
        ("subject", "order-7".into()),
        ("error", "it broke\nno such customer".into()),
        ("attempts", 3.into()),
        ("retries", 1.into()),
        ("repairs", 1.into()),
        ("parked", "1970-01-01T00:00:00.000Z".into()),
        ("followers", 2.into()),
        ("edited", serde_json::Value::Null),
    ] {
        assert_eq!(question[member], value, "{member}");
    }
    assert_eq!(question["event"]["id"], "7");
    // Data is bytes, white space and all.
    assert!(text.contains("\"data\":{\"total\": \"12\"}"), "{text}");
}

#[tokio::test]
async fn what_a_command_writes_is_handled_instead() {
    let event = r#"{"specversion":"1.0","id":"7","source":"/shop","type":"order.placed","data":{"total":12}}"#;
    let answer = run(&format!("cat > /dev/null; echo '{event}'")).await.unwrap();
    let Remedy::Resubmit(event) = answer.0 else { panic!("{answer:?}") };
    assert_eq!(event.data().unwrap(), &b"{\"total\":12}"[..]);
}

#[tokio::test]
async fn a_command_says_why_it_leaves_an_event_to_a_person() {
    let left = run("echo 'not my business' >&2; exit 10").await;
    assert_eq!(left, Ok(Repaired::leave("not my business")));
    for (command, says) in [
        ("exit 10", &["exit status: 10"][..]),
        ("echo no >&2; exit 3", &["exit status: 3", "no"]),
        ("kill -9 $$", &["signal: 9"]),
        ("no-such-command-at-all", &["exit status: 127", "not found"]),
        ("echo mended", &["no CloudEvent"]),
        ("echo '{\"specversion\":\"1.0\"}'", &["no CloudEvent"]),
        ("head -c 17000000 /dev/zero", &["larger than 16 MiB"]),
    ] {
        let error = run(command).await.unwrap_err();
        assert!(says.iter().all(|it| error.contains(it)), "{command}: {error}");
    }
}

#[tokio::test]
async fn a_command_may_say_more_on_standard_error_than_is_kept() {
    assert_eq!(run("head -c 300000 /dev/zero >&2").await, Ok(Repaired::retry()));
}

#[tokio::test]
async fn a_command_that_is_given_up_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let path = pipe.display();
    // The pipe stays open as long as one of the processes lives.
    std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    let command =
        RepairCommand::new(format!("exec 3> {path}; echo begun >&3; sleep 1000 | sleep 1000"));
    let asking = command.repair(parked());
    let receiver = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&pipe).unwrap();
    let mut reader = tokio::io::BufReader::new(receiver);
    let mut line = String::new();
    tokio::select! {
        _ = asking => panic!("it cannot end"),
        () = async {
            while reader.read_line(&mut line).await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert_eq!(line, "begun\n");
    assert_eq!(reader.read_line(&mut line).await.unwrap(), 0);
}
