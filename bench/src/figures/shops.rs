//! What is measured on a shop's own database, in SQLite and in PostgreSQL: the same figures, in whose
//! names the database stands.

use std::path::Path;

use anyhow::Result;

use super::{Names, inserts, transactions, visible};
use crate::harness::Harness;
use crate::options::Options;
use crate::shop::{Database, InSqlite, Server, Shop};

pub(super) const ALL: [Names; 3] = [inserts::NAMES, transactions::NAMES, visible::NAMES];

/// Measures what is wanted, with as many events in the feeds as the smallest size has.
pub(super) async fn measure(harness: &mut Harness<'_>, binary: &Path, folder: &Path) -> Result<()> {
    if wants::<InSqlite>(harness.options, &ALL) {
        let (app, shop) = (InSqlite::new(folder, "app")?, InSqlite::new(folder, "shop")?);
        measure_in(harness, app, shop, binary, folder).await?;
    }
    if wants::<crate::shop::InPostgres>(harness.options, &ALL) {
        match Server::start(folder).await {
            Ok(server) => {
                let (app, shop) = (server.database("app").await?, server.database("shop").await?);
                measure_in(harness, app, shop, binary, folder).await?;
            }
            Err(error) => eprintln!("nothing is measured on PostgreSQL: {error}"),
        }
    }
    Ok(())
}

/// Whether some of these figures are wanted, of those of this database.
fn wants<D: Database>(options: &Options, names: &[Names]) -> bool {
    let of_database = |name: &str| name.split('_').any(|part| part == D::NAME);
    names.iter().copied().flatten().any(|(name, _)| of_database(name) && options.wants(name))
}

/// The database of an app that serves its readers itself, and that of a shop beside which a server
/// runs.
async fn measure_in<D: Database>(
    harness: &mut Harness<'_>,
    app: D,
    shop: D,
    binary: &Path,
    folder: &Path,
) -> Result<()> {
    let events = harness.options.events().first().copied().unwrap_or_default();
    if wants::<D>(harness.options, &[visible::NAMES]) {
        visible::measure_woken(harness, &Shop::open(app, events).await?).await?;
    }
    let shop = Shop::open(shop, events).await?;
    let server = shop.serve(binary, folder)?;
    if !D::ONE_WRITER && wants::<D>(harness.options, &[visible::NAMES]) {
        visible::measure_polled(harness, &shop, &server).await?;
    }
    if wants::<D>(harness.options, &[transactions::NAMES]) {
        transactions::measure(harness, &shop, &server).await?;
    }
    if wants::<D>(harness.options, &[inserts::NAMES]) {
        inserts::measure(harness, &shop, &server).await?;
    }
    Ok(())
}
