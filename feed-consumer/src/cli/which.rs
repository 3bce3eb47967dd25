//! Which subscriptions of the databases are meant.

use feed_consumer::{Cursors, KeptCursor};

use super::exit::Failed;

/// A subscription, and the cursors of its database.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) cursors: Cursors,
    pub(super) cursor: KeptCursor,
}

/// The subscriptions of these databases to which this applies.
pub(super) async fn all(
    databases: &[String],
    group: Option<&str>,
    feed: Option<&str>,
) -> Result<Vec<Found>, Failed> {
    let mut found = Vec::new();
    for database in databases {
        let cursors = Cursors::open(database).await?;
        let wanted = cursors.list().await?.into_iter().filter(|it| {
            group.is_none_or(|group| group == it.group()) && feed.is_none_or(|feed| it.is_of(feed))
        });
        found.extend(wanted.map(|cursor| Found { cursors: cursors.clone(), cursor }));
    }
    Ok(found)
}

/// The one that is meant; `how` says how one of several is named.
pub(super) async fn one(
    databases: &[String],
    group: Option<&str>,
    feed: Option<&str>,
    how: &str,
) -> Result<Found, Failed> {
    let mut found = all(databases, group, feed).await?;
    match (found.pop(), &found[..]) {
        (Some(one), []) => Ok(one),
        (None, _) => Err(Failed::Usage(format!(
            "there is no such subscription in {}: `feed-consumer cursor show` lists them",
            databases.join(", ")
        ))),
        (Some(last), others) => {
            let all = others.iter().chain([&last]);
            let name = |it: &Found| format!("{} in {}", it.cursor.group(), it.cursor.url());
            Err(Failed::Usage(format!(
                "several subscriptions could be meant ({}): name one with {how}",
                all.map(name).collect::<Vec<_>>().join(", ")
            )))
        }
    }
}
