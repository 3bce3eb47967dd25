//! Events to publish.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// The media type of one CloudEvent.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of an array of them.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// The media type of Atom.
pub const ATOM: &str = "application/atom+xml";

/// Event number n: an order that was placed, of one of ten customers.
#[must_use]
pub fn order(n: u64) -> Value {
    typed("order.placed", n)
}

/// Event number n, of a type.
#[must_use]
pub fn typed(event_type: &str, n: u64) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("order-{n}"),
        "source": "/shop",
        "type": event_type,
        "subject": format!("customer-{}", n % 10),
        "datacontenttype": "application/json",
        "data": {"n": n},
    })
}

/// Events of these numbers.
#[must_use]
pub fn orders(numbers: RangeInclusive<u64>) -> Vec<Value> {
    numbers.map(order).collect()
}
