//! Proof that a document leaves nothing out.

use feed_protocol::cloudevents::Selection;
use feed_protocol::{Position, PositionRange, Recorded};

/// Why a document cannot follow a cursor: going on would pass over events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Gap {
    #[error("it covers the positions {range}, and the cursor stands at {cursor}")]
    Elsewhere { range: PositionRange, cursor: Position },
    #[error("it says that it covers the positions {range}, and holds {count} events")]
    Count { range: PositionRange, count: usize },
    #[error("position {position} is not in the positions {range} that it says it covers")]
    Outside { range: PositionRange, position: Position },
    #[error("position {next} stands behind position {previous}: they are not in order")]
    Order { previous: Position, next: Position },
    #[error(
        "position {next} comes behind position {previous}: what is between is left out, or it comes again"
    )]
    Stream { previous: Position, next: Position },
}

/// The events after the cursor, oldest first, of a document that covers a range and of which this
/// was read, oldest or newest first.
///
/// Unless they are filtered, the events of a document are all positions of its range, each once.
/// Those that were passed over are proven to be there like the others.
pub(crate) fn after_cursor(
    cursor: Position,
    range: PositionRange,
    Selection { mut events, mut positions }: Selection,
    filtered: bool,
) -> Result<Vec<Recorded>, Gap> {
    if range.before() > cursor || range.last() < cursor {
        return Err(Gap::Elsewhere { range, cursor });
    }
    if let [first, .., last] = &*positions
        && first > last
    {
        events.reverse();
        positions.reverse();
    }
    for pair in positions.windows(2) {
        let (previous, next) = (pair[0], pair[1]);
        if next <= previous {
            return Err(Gap::Order { previous, next });
        }
    }
    if let Some(position) = positions.iter().copied().find(|it| !range.contains(*it)) {
        return Err(Gap::Outside { range, position });
    }
    // In order, inside and as many as there are positions: none is missing.
    if !filtered && positions.len() as u64 != range.len() {
        return Err(Gap::Count { range, count: positions.len() });
    }
    events.retain(|recorded| recorded.position > cursor);
    Ok(events)
}

/// That an event of a stream comes right behind what was read before it; under a filter, anywhere
/// behind it.
pub(crate) fn event_joins(cursor: Position, next: Position, filtered: bool) -> Result<(), Gap> {
    joins(if filtered { next > cursor } else { next == cursor.next() }, cursor, next)
}

/// That a stream stands where it was read to; under a filter, or behind that.
pub(crate) fn mark_joins(cursor: Position, next: Position, filtered: bool) -> Result<(), Gap> {
    joins(if filtered { next >= cursor } else { next == cursor }, cursor, next)
}

fn joins(it_does: bool, previous: Position, next: Position) -> Result<(), Gap> {
    if it_does { Ok(()) } else { Err(Gap::Stream { previous, next }) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use feed_protocol::Event;
    use feed_protocol::event::EventParts;

    use super::*;

    fn at(position: u64) -> Position {
        Position::new(position).unwrap()
    }

    fn events(positions: &[u64]) -> Vec<Recorded> {
        let event = Event::new(EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        ))
        .unwrap();
        let recorded = |position: &u64| Recorded {
            position: at(*position),
            updated: DateTime::UNIX_EPOCH,
            event: event.clone(),
        };
        positions.iter().map(recorded).collect()
    }

    fn read(cursor: u64, range: &str, positions: &[u64]) -> Result<Vec<u64>, Gap> {
        let batch = |kept: &[u64]| Selection {
            events: events(kept),
            positions: positions.iter().copied().map(at).collect(),
        };
        let range = range.parse().unwrap();
        let whole = after_cursor(at(cursor), range, batch(positions), false);
        let none = after_cursor(at(cursor), range, batch(&[]), false);
        assert_eq!(none, whole.clone().map(|_| Vec::new()), "what is passed over proves as much");
        Ok(whole?.iter().map(|recorded| recorded.position.get()).collect())
    }

    #[test]
    fn pages_and_tails_give_what_comes_after_the_cursor() {
        assert_eq!(read(0, "1-3", &[3, 2, 1]).unwrap(), [1, 2, 3]);
        assert_eq!(read(2, "1-4", &[4, 3, 2, 1]).unwrap(), [3, 4]);
        assert_eq!(read(2, "3-4", &[3, 4]).unwrap(), [3, 4]);
        assert_eq!(read(2, "3-2", &[]).unwrap(), [0_u64; 0]);
        assert_eq!(read(4, "1-4", &[4, 3, 2, 1]).unwrap(), [0_u64; 0]);
        assert_eq!(read(4, "5-5", &[5]).unwrap(), [5]);
    }

    #[test]
    fn whatever_could_hide_an_event_is_an_error() {
        assert!(matches!(read(1, "3-4", &[3, 4]), Err(Gap::Elsewhere { .. })));
        assert!(matches!(read(9, "1-4", &[1, 2, 3, 4]), Err(Gap::Elsewhere { .. })));
        assert!(matches!(read(0, "1-3", &[1, 3]), Err(Gap::Count { .. })));
        assert!(matches!(read(0, "1-3", &[]), Err(Gap::Count { .. })));
        assert!(matches!(read(0, "1-3", &[1, 2, 3, 4]), Err(Gap::Outside { .. })));
        assert!(matches!(read(0, "1-3", &[1, 2, 2]), Err(Gap::Order { .. })));
        assert!(matches!(read(0, "1-3", &[1, 3, 2]), Err(Gap::Order { .. })));
        assert!(matches!(read(0, "1-3", &[2, 2, 1]), Err(Gap::Order { .. })));
    }

    #[test]
    fn a_filtered_document_may_show_less_and_nothing_else() {
        let filtered = |cursor: u64, range: &str, positions: &[u64]| {
            after_cursor(at(cursor), range.parse().unwrap(), events(positions).into(), true)
        };
        assert_eq!(filtered(0, "1-9", &[8, 3]).unwrap().len(), 2);
        assert_eq!(filtered(0, "1-9", &[]).unwrap().len(), 0);
        assert!(filtered(0, "1-9", &[3, 10]).is_err());
        assert!(filtered(0, "2-9", &[3]).is_err());
    }

    #[test]
    fn a_stream_goes_on_where_it_was_read_to() {
        let joins = |join: fn(Position, Position, bool) -> Result<(), Gap>, filtered| {
            [3, 4, 5, 6, 7].map(|next| join(at(5), at(next), filtered).is_ok())
        };
        assert_eq!(joins(event_joins, false), [false, false, false, true, false]);
        assert_eq!(joins(event_joins, true), [false, false, false, true, true]);
        assert_eq!(joins(mark_joins, false), [false, false, true, false, false]);
        assert_eq!(joins(mark_joins, true), [false, false, true, true, true]);
    }
}
