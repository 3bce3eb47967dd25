//! Reading of a batch what is wanted, and passing over the rest.

use feed_protocol::cloudevents::{
    CloudEventsError, Outline, Selection, read_recorded_batch, select_recorded, write_batch,
};
use feed_protocol::{Position, Recorded};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::events::{config, recorded};

/// Whether an event is wanted: some of each kind, by everything that an outline says.
fn is_wanted(outline: &Outline<'_>, taste: u64) -> bool {
    let texts = [outline.source, outline.id, outline.subject.unwrap_or("\0")];
    let mixed = texts.iter().flat_map(|it| it.bytes()).fold(taste, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte)).wrapping_add(outline.position.get())
    });
    mixed.is_multiple_of(3)
}

fn outline(recorded: &Recorded) -> Outline<'_> {
    Outline {
        position: recorded.position,
        source: recorded.event.source().as_str(),
        id: recorded.event.id().as_str(),
        subject: recorded.event.subject().map(AsRef::as_ref),
    }
}

/// What must be left of the whole.
fn restricted(whole: Vec<Recorded>, taste: u64) -> Selection {
    let positions = whole.iter().map(|it| it.position).collect();
    let last = whole.len().saturating_sub(1);
    let is_kept = |(index, it): &(usize, Recorded)| {
        [0, last].contains(index) || is_wanted(&outline(it), taste)
    };
    let events = whole.into_iter().enumerate().filter(is_kept).map(|(_, it)| it).collect();
    Selection { events, positions }
}

fn select(json: &[u8], taste: u64) -> Result<Selection, CloudEventsError> {
    select_recorded(json, 100, |outline| is_wanted(outline, taste))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_selected_is_the_whole_less_what_is_not_wanted(
        batch in vec(recorded(), 0..9),
        taste: u64,
    ) {
        let mut json = Vec::new();
        write_batch(&batch, &mut json);
        prop_assert_eq!(select(&json, taste).unwrap(), restricted(batch.clone(), taste));
        let all = select_recorded(&json, 100, |_| true).unwrap();
        prop_assert_eq!(all, Selection::from(batch));
    }

    #[test]
    fn a_spoilt_batch_is_never_read_otherwise_than_whole(
        batch in vec(recorded(), 1..9),
        taste: u64,
        places in vec((any::<Index>(), proptest::sample::select(b"\"\\{}[],: \n\x00a9".to_vec())), 1..4),
    ) {
        let mut json = Vec::new();
        write_batch(&batch, &mut json);
        for (place, byte) in places {
            let place = place.index(json.len());
            json[place] = byte;
        }
        match (read_recorded_batch(&json, 100), select(&json, taste)) {
            (Ok(whole), selected) => prop_assert_eq!(selected.unwrap(), restricted(whole, taste)),
            // What is passed over may have attributes that are none, and is in its place.
            (Err(CloudEventsError::Invalid { .. }), _) => {}
            (Err(error), selected) => prop_assert!(selected.is_err(), "{error}: {selected:?}"),
        }
    }

    #[test]
    fn an_event_at_fault_is_refused_if_it_is_wanted_or_cannot_be_told(
        kinds in vec((any::<bool>(), 0..FAULTS.len()), 2..9),
    ) {
        let events = kinds.iter().enumerate().map(|(index, kind)| faulty(index, *kind));
        let json = format!("[{}]", events.collect::<Vec<_>>().join(","));
        let last = kinds.len() - 1;
        let mut indexed = kinds.iter().enumerate();
        let at_fault = indexed.find(|(index, (is_wanted, fault))| match FAULTS[*fault].2 {
            Fault::None => false,
            Fault::Attribute => *is_wanted || [0, last].contains(index),
            Fault::Outline => true,
        });
        let selected = select_recorded(json.as_bytes(), 100, |outline| outline.subject == Some("a"));
        match (at_fault, selected) {
            (None, selected) => {
                let positions = (1..=kinds.len() as u64).map(|it| Position::new(it).unwrap());
                prop_assert_eq!(selected.unwrap().positions, positions.collect::<Vec<_>>());
            }
            (Some((at, _)), Err(CloudEventsError::Invalid { index, .. })) => {
                prop_assert_eq!(index, Some(at));
            }
            (at_fault, selected) => prop_assert!(false, "{at_fault:?}: {selected:?}"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// Of what need not be read to pass over the event.
    Attribute,
    /// Of what tells it from others.
    Outline,
}

/// What is changed of an event that is right, and what is wrong with it then.
const FAULTS: [(&str, &str, Fault); 14] = [
    ("", "", Fault::None),
    (r#""$s""#, r#""\u006$u""#, Fault::None),
    ("}", r#","data":{"a":["}",1]}}"#, Fault::None),
    (r#""1.0""#, r#""2.0""#, Fault::Attribute),
    (r#""type""#, r#""kind""#, Fault::Attribute),
    ("2021", "soon", Fault::Attribute),
    ("}", r#","Tenant":"x"}"#, Fault::Attribute),
    ("/x", "my shop", Fault::Attribute),
    (r#""$s""#, "7", Fault::Outline),
    ("}", r#","subject":"$s"}"#, Fault::Outline),
    (r#""id""#, r#""it""#, Fault::Outline),
    (r#""/x""#, "null", Fault::Outline),
    (r#""feedposition""#, r#""position""#, Fault::Outline),
    (r#""feedposition":""#, r#""feedposition":"0"#, Fault::Outline),
];

const RIGHT: &str = r#"{"specversion":"1.0","id":"$n","source":"/x","type":"t","subject":"$s","feedposition":"$n","feedupdated":"2021-01-01T00:00:00Z"}"#;

/// An event of this place, with this fault, and of the subject `a` if it is wanted.
fn faulty(index: usize, (is_wanted, fault): (bool, usize)) -> String {
    let (right, wrong, _) = FAULTS[fault];
    let (subject, code) = if is_wanted { ("a", "1") } else { ("b", "2") };
    let number = (index + 1).to_string();
    let event = RIGHT.replacen(right, wrong, 1);
    event.replace("$n", &number).replace("$s", subject).replace("$u", code)
}

#[test]
fn more_events_than_allowed_are_refused_though_none_is_wanted() {
    let json = format!("[{}]", [0, 1, 2].map(|index| faulty(index, (false, 0))).join(","));
    assert!(select_recorded(json.as_bytes(), 3, |_| false).is_ok());
    let error = select_recorded(json.as_bytes(), 2, |_| false).unwrap_err();
    assert_eq!(error, CloudEventsError::TooMany { limit: 2 });
}
