//! Which events a closure handles, and what it is given of them.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use feed_protocol::{Event, Recorded};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, value};

use super::handed::Handed;
use super::{BatchContext, Context, HandlerError};

/// Which events a closure handles, and what it is given of them.
pub trait Pattern: Send + Sync {
    /// What the closure is given first.
    type Argument;
    /// What it is given beside that.
    type Context;
    /// Whether it takes several events at once.
    const IS_BATCH: bool;

    /// The type of events, or `None` for those that no other closure handles.
    fn event_type(&self) -> Option<&str>;

    /// What the closure is given of these events: of one, unless it takes several at once.
    fn take(
        &self,
        events: Vec<Handed>,
        attempt: u32,
    ) -> Result<(Self::Argument, Self::Context), HandlerError>;
}

/// Events of one type, one at a time, their data as a `T`.
pub struct Typed<T>(String, PhantomData<fn() -> T>);

/// Events of one type, several at once, their data as `T`s.
pub struct TypedBatch<T>(String, PhantomData<fn() -> T>);

/// Events that no other closure handles, one at a time.
#[derive(Debug)]
pub struct Any;

/// Events that no other closure handles, several at once.
#[derive(Debug)]
pub struct AnyBatch;

impl<T> Typed<T> {
    pub(crate) fn new(event_type: String) -> Self {
        Self(event_type, PhantomData)
    }
}

impl<T> TypedBatch<T> {
    pub(crate) fn new(event_type: String) -> Self {
        Self(event_type, PhantomData)
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.0).finish()
    }
}

impl<T> fmt::Debug for TypedBatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedBatch").field(&self.0).finish()
    }
}

/// The one event of a portion that is not a batch.
fn only(mut events: Vec<Handed>) -> Handed {
    // Expect safety: portions have at least one event, and such a one has no more.
    events.pop().expect("a portion has an event")
}

impl<T: DeserializeOwned> Pattern for Typed<T> {
    type Argument = T;
    type Context = Context;
    const IS_BATCH: bool = false;

    fn event_type(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn take(&self, events: Vec<Handed>, attempt: u32) -> Result<(T, Context), HandlerError> {
        let handed = only(events);
        let data = data(&handed.recorded.event).map_err(HandlerError::permanent)?;
        Ok((data, Context::new(handed, attempt)))
    }
}

impl<T: DeserializeOwned> Pattern for TypedBatch<T> {
    type Argument = Vec<T>;
    type Context = BatchContext;
    const IS_BATCH: bool = true;

    fn event_type(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn take(
        &self,
        events: Vec<Handed>,
        attempt: u32,
    ) -> Result<(Vec<T>, BatchContext), HandlerError> {
        let data: Result<Vec<T>, _> = events.iter().map(|it| data(&it.recorded.event)).collect();
        let data = data.map_err(HandlerError::permanent)?;
        Ok((data, BatchContext::new(&events, attempt)))
    }
}

impl Pattern for Any {
    type Argument = Arc<Recorded>;
    type Context = Context;
    const IS_BATCH: bool = false;

    fn event_type(&self) -> Option<&str> {
        None
    }

    fn take(
        &self,
        events: Vec<Handed>,
        attempt: u32,
    ) -> Result<(Arc<Recorded>, Context), HandlerError> {
        let handed = only(events);
        Ok((Arc::clone(&handed.recorded), Context::new(handed, attempt)))
    }
}

impl Pattern for AnyBatch {
    type Argument = Vec<Arc<Recorded>>;
    type Context = BatchContext;
    const IS_BATCH: bool = true;

    fn event_type(&self) -> Option<&str> {
        None
    }

    fn take(
        &self,
        events: Vec<Handed>,
        attempt: u32,
    ) -> Result<(Vec<Arc<Recorded>>, BatchContext), HandlerError> {
        let context = BatchContext::new(&events, attempt);
        Ok((events.into_iter().map(|it| it.recorded).collect(), context))
    }
}

/// Why data does not fit the type that a handler takes.
#[derive(Debug, thiserror::Error)]
enum DataError {
    #[error(
        "it has no data, and its handler takes {0}: use Option<{0}> if it may have none, or on_any"
    )]
    Absent(&'static str),
    #[error("its data is {media_type}, and its handler takes {wanted} from JSON: use on_any")]
    NotJson { media_type: String, wanted: &'static str },
    #[error("its data does not fit {wanted}: {path}: {reason}")]
    Misfit { wanted: &'static str, path: String, reason: serde_json::Error },
}

/// The data of an event as a `T`.
fn data<T: DeserializeOwned>(event: &Event) -> Result<T, DataError> {
    let wanted = short_name::<T>();
    let Some(data) = event.data() else {
        // What needs nothing, such as an Option, is made of nothing.
        let nothing = UnitDeserializer::<value::Error>::new();
        return T::deserialize(nothing).map_err(|_| DataError::Absent(wanted));
    };
    if !event.has_json_data_type() {
        let media_type = event.data_content_type().map(ToString::to_string).unwrap_or_default();
        return Err(DataError::NotJson { media_type, wanted });
    }
    let mut json = serde_json::Deserializer::from_slice(data);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "data".to_owned() } else { format!("data.{path}") };
        DataError::Misfit { wanted, path, reason: error.into_inner() }
    })
}

/// The name of a type without its modules.
fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    let outer = name.split('<').next().unwrap_or(name);
    if outer.len() == name.len() { name.rsplit("::").next().unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use feed_protocol::event::EventParts;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Order {
        #[serde(rename = "lines")]
        _lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    struct Line {
        #[serde(rename = "quantity")]
        _quantity: u32,
    }

    fn event(data: Option<&'static str>, media_type: Option<&str>) -> Event {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.data = data.map(|it| Bytes::from_static(it.as_bytes()));
        parts.data_content_type = media_type.map(|it| it.parse().unwrap());
        Event::new(parts).unwrap()
    }

    #[test]
    fn data_that_does_not_fit_is_refused_with_the_path_of_the_field() {
        let wrong = event(Some(r#"{"lines":[{"quantity":1},{"quantity":"two"}]}"#), None);
        let error = data::<Order>(&wrong).unwrap_err().to_string();
        assert!(error.contains("does not fit Order: data.lines[1].quantity: "), "{error}");
        assert!(error.contains("invalid type: string \"two\", expected u32"), "{error}");
        let error = data::<Order>(&event(Some("{}"), None)).unwrap_err().to_string();
        assert!(error.contains("Order: data: missing field `lines`"), "{error}");
    }

    #[test]
    fn data_that_is_not_there_is_told_from_data_that_need_not_be() {
        let error = data::<Order>(&event(None, None)).unwrap_err().to_string();
        assert!(error.contains("has no data") && error.contains("Option<Order>"), "{error}");
        assert!(data::<Option<Order>>(&event(None, None)).unwrap().is_none());
        data::<()>(&event(None, None)).unwrap();
    }

    #[test]
    fn data_of_another_kind_than_json_is_not_read_as_json() {
        let error = data::<String>(&event(Some("\"a\""), Some("text/plain"))).unwrap_err();
        assert!(error.to_string().contains("text/plain"), "{error}");
        let json = event(Some("\"a\""), Some("application/vnd.shop+json"));
        assert_eq!(data::<String>(&json).unwrap(), "a");
    }
}
