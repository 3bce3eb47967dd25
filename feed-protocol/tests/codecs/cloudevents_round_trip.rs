//! event → CloudEvents → event.

use bytes::Bytes;
use feed_protocol::Event;
use feed_protocol::cloudevents::{
    read_batch, read_binary, read_event, read_recorded, read_recorded_batch, write_batch,
    write_binary, write_event, write_recorded,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::events::{config, event, recorded};

/// A time as it was written is part of what must not change, though events compare its instant.
fn assert_same(one: &Event, other: &Event) -> Result<(), TestCaseError> {
    prop_assert_eq!(one, other);
    prop_assert_eq!(one.time().map(|it| it.as_str()), other.time().map(|it| it.as_str()));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn structured_mode_loses_nothing(event in event()) {
        let mut json = Vec::new();
        write_event(&event, &mut json);
        assert_same(&read_event(&json).unwrap(), &event)?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).unwrap();
    }

    #[test]
    fn a_recorded_event_keeps_its_place(recorded in recorded()) {
        let mut json = Vec::new();
        write_recorded(&recorded, &mut json);
        prop_assert_eq!(read_recorded(&json).unwrap(), recorded);
        // Its place is the feed's: nobody publishes it.
        prop_assert!(read_event(&json).is_err());
    }

    #[test]
    fn a_batch_loses_nothing(batch in vec(recorded(), 0..4)) {
        let mut json = Vec::new();
        write_batch(&batch, &mut json);
        prop_assert_eq!(read_recorded_batch(&json, 3).unwrap(), &batch[..]);
        prop_assert_eq!(read_batch(&json, 3).is_ok(), batch.is_empty());
        prop_assert!(batch.is_empty() || read_recorded_batch(&json, batch.len() - 1).is_err());
    }

    #[test]
    fn binary_mode_keeps_the_content(event in event()) {
        let headers = write_binary(&event);
        for (name, value) in &headers {
            prop_assert!(value.bytes().all(|byte| matches!(byte, b'!'..=b'~')) || name == "content-type");
        }
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let read = read_binary(pairs, event.data().cloned().unwrap_or_else(Bytes::new)).unwrap();
        let mut expected = event.into_parts();
        let is_json = expected.data_content_type.as_ref().is_none_or(|it| feed_protocol::event::is_json(it.as_str()));
        if expected.data.is_some() && expected.data_content_type.is_none() {
            expected.data_content_type = Some("application/json".parse().unwrap());
        } else if expected.data.is_none() && !is_json {
            expected.data = Some(Bytes::new());
        }
        let expected = Event::from_checked(expected);
        prop_assert!(read.has_same_content(&expected), "{read:?}\n{expected:?}");
        prop_assert_eq!((read.id(), read.source()), (expected.id(), expected.source()));
        prop_assert_eq!(read.time(), expected.time());
    }
}
