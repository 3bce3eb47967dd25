//! Clusters that start, stop, crash, and go away.

#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use throwaway_postgres::{Cluster, Mode, Programs};

/// What psql prints for a statement; the error is what it complains about.
fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", sql, url])
        .output()
        .expect("psql is installed");
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn query(cluster: &Cluster, sql: &str) -> String {
    psql(&cluster.url("postgres"), sql).unwrap()
}

/// Looks until it is so: the end of another process's child does not announce itself.
fn eventually(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing here announces itself")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Whether there is such a process; a zombie is one too.
fn is_there(pid: &str) -> bool {
    let script = "kill -0 \"$0\"";
    let status = Command::new("sh").args(["-c", script, pid]).stderr(Stdio::null()).status();
    status.unwrap().success()
}

fn server_pid(cluster: &Cluster) -> String {
    let text = std::fs::read_to_string(cluster.folder().join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[test]
fn the_programs_are_found() {
    let programs = Programs::find().unwrap();
    assert!(programs.major() >= 13);
    assert!(programs.folder().join("initdb").is_file());
}

#[test]
fn a_cluster_answers_over_tcp_and_over_its_socket() {
    let cluster = Cluster::start().unwrap();
    assert_eq!(psql(&cluster.url("postgres"), "SELECT 1").unwrap(), "1");
    assert_eq!(psql(&cluster.socket_url("postgres"), "SELECT 1").unwrap(), "1");
    let settings = "SELECT current_setting('fsync'), current_setting('server_encoding')";
    assert_eq!(query(&cluster, settings), "on|UTF8");
    assert!(cluster.log().contains("database system is ready to accept connections"));
}

#[test]
fn a_database_may_have_any_name() {
    let cluster = Cluster::start().unwrap();
    query(&cluster, "CREATE DATABASE \"50% of it?\"");
    for url in [cluster.url("50% of it?"), cluster.socket_url("50% of it?")] {
        assert_eq!(psql(&url, "SELECT current_database()").unwrap(), "50% of it?");
    }
}

#[test]
fn settings_are_taken() {
    let settings = [("max_connections", "7"), ("cluster_name", "it's mine")];
    let cluster = Cluster::start_with(&settings).unwrap();
    assert_eq!(query(&cluster, "SHOW max_connections"), "7");
    assert_eq!(query(&cluster, "SHOW cluster_name"), "it's mine");
}

#[test]
fn a_setting_that_is_refused_is_named() {
    let error = Cluster::start_with(&[("max_connections", "many")]).unwrap_err();
    assert!(error.contains("invalid value for parameter \"max_connections\""), "{error}");
}

#[test]
fn several_clusters_run_at_once_and_share_nothing() {
    let clusters: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(Cluster::start)).collect();
        starting.into_iter().map(|it| it.join().unwrap().unwrap()).collect()
    });
    for (n, cluster) in clusters.iter().enumerate() {
        query(cluster, &format!("CREATE TABLE t AS SELECT {n} AS n"));
    }
    for (n, cluster) in clusters.iter().enumerate() {
        assert_eq!(query(cluster, "SELECT n FROM t"), n.to_string());
    }
}

#[test]
fn a_cluster_that_is_stopped_and_started_again_keeps_its_data_and_its_port() {
    let cluster = Cluster::start().unwrap();
    let port = cluster.port();
    query(&cluster, "CREATE TABLE t (n INT)");
    for (n, mode) in [Mode::Fast, Mode::Immediate].into_iter().enumerate() {
        query(&cluster, "INSERT INTO t VALUES (1)");
        cluster.stop(mode).unwrap();
        assert!(psql(&cluster.url("postgres"), "SELECT 1").is_err());
        cluster.start_again().unwrap();
        assert_eq!(query(&cluster, "SELECT count(*) FROM t"), (n + 1).to_string());
    }
    assert_eq!(cluster.port(), port);
}

#[test]
fn to_stop_twice_is_harmless_and_to_start_twice_is_refused() {
    let cluster = Cluster::start().unwrap();
    let error = cluster.start_again().unwrap_err();
    assert!(error.contains("it runs already"), "{error}");
    cluster.stop(Mode::Fast).unwrap();
    cluster.stop(Mode::Immediate).unwrap();
    cluster.kill().unwrap();
    cluster.start_again().unwrap();
    assert_eq!(query(&cluster, "SELECT 1"), "1");
}

#[test]
fn a_cluster_that_is_killed_and_started_again_keeps_a_committed_row() {
    let cluster = Cluster::start().unwrap();
    query(&cluster, "CREATE TABLE t AS SELECT 42 AS n");
    // A backend that is busy, and so does not see by itself that the server is gone.
    let mut busy = Command::new("psql")
        .args(["--command", "SELECT count(*) FROM generate_series(1, 1000000000000)"])
        .arg(cluster.url("postgres"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let seen = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%10000000000%' \
                AND pid <> pg_backend_pid()";
    eventually("a busy backend", || query(&cluster, seen) == "1");
    cluster.kill().unwrap();
    busy.wait().unwrap();
    cluster.start_again().unwrap();
    assert_eq!(query(&cluster, "SELECT n FROM t"), "42");
    assert!(cluster.log().contains("automatic recovery in progress"));
}

#[test]
fn a_cluster_that_is_dropped_leaves_nothing() {
    for killed in [false, true] {
        let cluster = Cluster::start().unwrap();
        let (folder, pid) = (cluster.folder().to_owned(), server_pid(&cluster));
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(is_there(&pid));
        if killed {
            cluster.kill().unwrap();
        }
        drop(cluster);
        assert!(!folder.exists());
        assert!(!is_there(&pid));
    }
}

/// A process of its own that has started a cluster, and that cluster.
struct Owner {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    folder: PathBuf,
    server: String,
}

impl Owner {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_throwaway-postgres-owner"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let (folder, server) = (line().into(), line());
        Self { child, stdout, folder, server }
    }

    /// What it has in the folder for temporary files, the template included.
    fn folders(&self) -> Vec<PathBuf> {
        let prefix = format!("pg-{}-", self.child.id());
        let entries = self.folder.parent().unwrap().read_dir().unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|it| it.file_name().unwrap().to_string_lossy().starts_with(&prefix)).collect()
    }
}

#[test]
fn a_cluster_whose_owner_is_killed_goes_away() {
    let mut owner = Owner::start();
    assert!(is_there(&owner.server));
    assert!(owner.folders().contains(&owner.folder));
    owner.child.kill().unwrap();
    owner.child.wait().unwrap();
    // Nothing that it started holds its output open.
    owner.stdout.read_to_end(&mut Vec::new()).unwrap();
    eventually("the server to end", || !is_there(&owner.server));
    eventually("the folders to be removed", || owner.folders().is_empty());
}
