//! A real shop's customers and orders, as events: the Chinook sample database (see `data/`).

use chrono::{DateTime, Utc};
use feed_server::NewEvent;
use serde::{Deserialize, Serialize};

/// The feed of the shop's customers.
pub const CUSTOMERS: &str = "customers";
/// The feed of the shop's orders.
pub const ORDERS: &str = "orders";

const CUSTOMERS_JSONL: &str = include_str!("data/customers.jsonl");
const ORDERS_JSONL: &str = include_str!("data/orders.jsonl");

/// `customer.registered`: what a consumer of customers reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRegistered {
    /// The customer.
    pub customer_id: String,
    /// Their first name.
    pub first_name: String,
    /// Their last name.
    pub last_name: String,
}

/// `order.placed`: what a consumer of orders reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderPlaced {
    /// The order.
    pub order_id: String,
    /// The customer who placed it.
    pub customer_id: String,
    /// When.
    pub placed_at: DateTime<Utc>,
    /// What it comes to, a decimal number.
    pub total: String,
    /// The three letters of its currency.
    pub currency: String,
}

/// The shop's orders, in the order in which they were placed.
///
/// # Panics
///
/// As [`events`].
#[must_use]
pub fn orders() -> Vec<OrderPlaced> {
    let orders = ORDERS_JSONL.lines();
    orders.map(|line| serde_json::from_str(line).expect("an order")).collect()
}

/// What happened in the shop, in its order, as events for the feed of this name.
///
/// The data is the shop's own JSON, byte for byte; the ids are the shop's own too, so that
/// publishing everything again changes nothing.
///
/// # Panics
///
/// When the data that this crate carries is not what it was.
#[must_use]
pub fn events(feed: &str) -> Vec<NewEvent> {
    let event = |event_type: &str, id: &str, line: &str| {
        NewEvent::new("/chinook", event_type).id(id).subject(id).data("application/json", line)
    };
    if feed == CUSTOMERS {
        let customers = CUSTOMERS_JSONL.lines().map(|line| {
            let customer: CustomerRegistered = serde_json::from_str(line).expect("a customer");
            event("customer.registered", &customer.customer_id, line)
        });
        customers.collect()
    } else {
        let lines = ORDERS_JSONL.lines().zip(orders());
        let orders = lines.map(|(line, order)| {
            event("order.placed", &order.order_id, line).time(order.placed_at)
        });
        orders.collect()
    }
}
