//! What the findings come to: what a consumer may rely on, and what not.

use std::time::Duration;

use super::Facts;
use super::answer::size;
use super::archives::Older;

impl Facts {
    /// What a consumer may rely on, and what not, a sentence each.
    pub(super) fn sum_up(&self) -> (Vec<String>, Vec<String>) {
        let (mut rely_on, mut beware) = (Vec::new(), Vec::new());
        let Some(document) = &self.document else {
            beware.push("anything: the feed could not be read".to_owned());
            return (rely_on, beware);
        };
        self.sum_up_history(document.entries, document.span, &mut rely_on, &mut beware);
        if self.ids_are_stable {
            rely_on.push(
                "ids: each entry can be told from the others, and is handled once".to_owned(),
            );
        } else {
            beware
                .push("ids: entries may be handled again, or be taken for one another".to_owned());
        }
        match self.validators {
            Some(true) => {
                rely_on.push("304s: asking costs little while there is no news".to_owned())
            }
            Some(false) => beware
                .push(format!("304s: each poll costs the whole document, {}", size(self.bytes))),
            None => {}
        }
        match (self.stream, self.long_poll) {
            (true, _) => rely_on.push("news within moments, by stream".to_owned()),
            (false, true) => rely_on.push("news within moments, by long poll".to_owned()),
            (false, false) => beware.push(match self.max_age.filter(|it| !it.is_zero()) {
                Some(age) => format!(
                    "news at once: it must be asked for, and caches may keep it for {}",
                    humantime::format_duration(age)
                ),
                None => "news at once: it must be asked for".to_owned(),
            }),
        }
        (rely_on, beware)
    }

    fn sum_up_history(
        &self,
        entries: usize,
        span: Option<Duration>,
        rely_on: &mut Vec<String>,
        beware: &mut Vec<String>,
    ) {
        if let Some(positions) = self.positions {
            if positions.from_the_first {
                let shown = if positions.is_filtered { " that the filter shows" } else { "" };
                rely_on.push(format!(
                    "every event{shown}, in order, from the first on: positions (now up to {}) \
                     prove that none is left out",
                    positions.head
                ));
            } else {
                beware.push("the oldest events: their pages could not be read".to_owned());
            }
            return;
        }
        match self.older {
            Older::Complete => {
                rely_on.push(format!("all of its {entries} entries: there are no others"))
            }
            Older::Archived => rely_on.push(
                "older entries: they are in archives, and those that were looked at did not change"
                    .to_owned(),
            ),
            Older::Unsure => beware.push(
                "older entries: their archives changed, or could not be read, while this looked"
                    .to_owned(),
            ),
            Older::Paged => rely_on.push(
                "older entries by 'next' pages, while few entries come: pages shift, and what is \
                 removed meanwhile is not noticed"
                    .to_owned(),
            ),
            Older::Nowhere => {
                rely_on.push(format!("the {entries} entries that the document holds now"));
                let often = span.filter(|it| it.as_secs() > 0).map_or(String::new(), |span| {
                    format!(
                        "; these {entries} span {}, so ask much more often than that",
                        rough(span)
                    )
                });
                beware.push(format!(
                    "entries that leave the document between two polls: they are missed, and \
                     nothing tells of it{often}"
                ));
            }
        }
        beware.push("order: entries are sorted by updated, as far as it tells".to_owned());
    }
}

/// A time in its largest unit.
fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7200 => (seconds / 60, "minutes"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}
