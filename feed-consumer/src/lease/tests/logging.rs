//! What the log says of leases.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio::time::sleep;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

use super::super::scripted::Fate;
use super::{SECOND, Worker, store};

/// What is logged at the level of the binaries, without times.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What has been logged since it was last looked at.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(ToOwned::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_is_logged_once_with_its_reason_and_not_a_line_a_shard() {
    let log = Log::default();
    let writer = log.clone();
    // While there is one subscriber only, a line that another test's thread comes to first is taken
    // as wanted by nobody.
    let _other = Dispatch::new(NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish(),
    );
    let store = store(64);
    let mut worker = Worker::start(&store, "a");
    worker.hears().await;
    assert_eq!(
        log.take(),
        [
            " INFO registered, the only worker now worker=here:1 share=64",
            " INFO shards 0-63: acquired, nobody held them share=64 workers=1",
        ]
    );
    store.seize(2, "b");
    store.seize(3, "b");
    assert_eq!(worker.hears_news().await, "lost 2-3");
    assert_eq!(
        log.take(),
        [
            "\u{20}WARN shards 2-3: lost, another worker has acquired them, or an operator moved them"
        ]
    );
    let second = Worker::start(&store, "b");
    assert_eq!(worker.hears_news().await, "surplus 30");
    log.take();
    worker.gives_back(30).await;
    assert_eq!(
        log.take(),
        [
            "\u{20}INFO shards 34-63: given back, more were held than this worker's share left=32 share=32"
        ]
    );
    second.leases.die();
    // Nothing happens, and nothing is said.
    sleep(SECOND).await;
    log.take();
    sleep(SECOND * 10).await;
    assert_eq!(log.take(), [""; 0]);
    store.all_beats(Some(Fate::Refused("gone")));
    sleep(SECOND * 60).await;
    assert_eq!(
        log.take(),
        [
            "\u{20}WARN shards 0-1, 4-33: lost, since they could not be renewed: the cursor database is not \
          available: error communicating with database: gone"
        ]
    );
    store.all_beats(None);
    sleep(SECOND).await;
    let said = log.take();
    assert_eq!(said.len(), 5, "{said:#?}");
    assert!(
        said[0].starts_with(" INFO the cursor database renews leases again, after "),
        "{said:#?}"
    );
    assert_eq!(
        said[1],
        " INFO a worker has fallen silent; workers now 1, before 2 worker=here:1 share=64"
    );
    worker.leases.leave().await.unwrap();
    assert_eq!(log.take().len(), 1);
}
