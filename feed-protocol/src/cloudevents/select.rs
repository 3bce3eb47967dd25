//! A batch of which only some events matter.

use super::members::Members;
use super::{CloudEventsError, envelope};
use crate::{Position, Recorded};

/// What tells a recorded event from others, before the rest of it is read. It is text as it stands
/// there: no rule of an attribute has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline<'a> {
    /// Its place in the feed; at least 1.
    pub position: Position,
    /// Its source.
    pub source: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Its subject, if it has one.
    pub subject: Option<&'a str>,
}

/// What was read of a batch, in the batch's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The first event and the last, and of the others those that are wanted.
    pub events: Vec<Recorded>,
    /// The positions of all events, those that were passed over too.
    pub positions: Vec<Position>,
}

/// All events of a batch.
impl From<Vec<Recorded>> for Selection {
    fn from(events: Vec<Recorded>) -> Self {
        Self { positions: events.iter().map(|event| event.position).collect(), events }
    }
}

pub(super) fn read(
    body: &[u8],
    limit: usize,
    mut wanted: impl FnMut(&Outline<'_>) -> bool,
) -> Result<Selection, CloudEventsError> {
    let mut selection = Selection::default();
    // The last so far, unless it has been read: nobody knows yet whether it is the last of all.
    let (mut passed, mut is_passed) = (Box::<Members<'_>>::default(), false);
    envelope::many(body, limit, |members| {
        let is_first = selection.positions.is_empty();
        match members.outline() {
            Some(outline) if !is_first && !wanted(&outline) => {
                selection.positions.push(outline.position);
                std::mem::swap(members, &mut passed);
                is_passed = true;
            }
            _ => {
                let recorded = members.take_recorded()?;
                selection.positions.push(recorded.position);
                selection.events.push(recorded);
                is_passed = false;
            }
        }
        Ok(())
    })?;
    if is_passed {
        let index = Some(selection.positions.len() - 1);
        let invalid = |error| CloudEventsError::Invalid { index, error };
        selection.events.push(passed.take_recorded().map_err(invalid)?);
    }
    Ok(selection)
}
