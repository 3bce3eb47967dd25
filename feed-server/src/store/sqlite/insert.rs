//! Inserts many events at little cost.
//!
//! sqlx hands every statement to the connection's thread, which costs more than inserting a row.
//! So rows go many to a statement: in runs of powers of two, which keeps the number of different
//! statements small, so that each is prepared once.

use std::sync::LazyLock;

use feed_protocol::Event;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};

use crate::store::admission::NewRow;
use crate::store::row::extensions_json;

/// The statement for one row; its last line is the row.
const ONE_ROW: &str = include_str!("sql/append_events.sql");

/// How many placeholders a row has.
const COLUMNS: usize = 13;

/// Statements for 1, 2, 4 … 64 rows.
static STATEMENTS: LazyLock<[String; 7]> =
    LazyLock::new(|| std::array::from_fn(|power| for_rows(1 << power)));

fn for_rows(count: usize) -> String {
    let (head, row) = ONE_ROW.trim_end().rsplit_once('\n').unwrap_or_default();
    format!("{head}\n{}", vec![row; count].join(",\n"))
}

/// Inserts the rows, in their order.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    mut rows: &[NewRow<'_>],
) -> Result<(), sqlx::Error> {
    let statements: &'static [String; 7] = &STATEMENTS;
    for (power, statement) in statements.iter().enumerate().rev() {
        let count = 1 << power;
        while let Some((run, rest)) = rows.split_at_checked(count) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(count * COLUMNS, 0);
            for row in run {
                bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
            }
            sqlx::query_with(statement.as_str(), arguments).execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

fn bind(arguments: &mut SqliteArguments, row: &NewRow<'_>) -> Result<(), sqlx::error::BoxDynError> {
    let event: &Event = row.event;
    arguments.add(row.feed)?;
    arguments.add(i64::try_from(row.position.get())?)?;
    arguments.add(row.updated.timestamp_micros())?;
    arguments.add(row.iri.as_str())?;
    arguments.add(event.source().as_str())?;
    arguments.add(event.id().as_str())?;
    arguments.add(event.event_type().as_str())?;
    arguments.add(event.subject().map(AsRef::as_ref))?;
    arguments.add(event.time().map(|time| time.as_str()))?;
    arguments.add(event.data_content_type().map(AsRef::as_ref))?;
    arguments.add(event.data_schema().map(AsRef::as_ref))?;
    arguments.add(extensions_json(event.extensions()))?;
    arguments.add(event.data().map(AsRef::<[u8]>::as_ref))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_file_ends_with_one_row() {
        assert_eq!(for_rows(1), ONE_ROW.trim_end());
        for (count, columns) in [(1, COLUMNS), (4, 4 * COLUMNS)] {
            assert_eq!(for_rows(count).matches('?').count(), columns);
        }
    }
}
