//! The events: orders of a real shop, over and over.

use feed_server::NewEvent;
use uuid::Uuid;

/// A line of JSON for each order.
const LINES: &str = include_str!("../../examples/data/orders.jsonl");

/// Makes events that differ: from the 413th on, the orders are repeated under new numbers.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    /// When each order was placed, and its members after the first, its id.
    lines: Vec<(&'static str, &'static str)>,
    made: usize,
}

const SOURCE: &str = "/shop";
const TYPE: &str = "order.placed";

impl Orders {
    /// Orders from the first.
    pub(crate) fn new() -> Self {
        let placed_at = |line: &'static str| {
            let (_, rest) = line.split_once("\"placedAt\": \"")?;
            Some(rest.split_once('"')?.0)
        };
        let members = |line: &'static str| line.find("\"customerId\"").map(|at| &line[at..]);
        let lines = LINES.lines().filter_map(|line| Some((placed_at(line)?, members(line)?)));
        Self { lines: lines.collect(), made: 0 }
    }

    /// The next order's number, when it was placed, and its data.
    fn next_order(&mut self) -> (usize, &'static str, String) {
        let (placed_at, members) = self.lines[self.made % self.lines.len()];
        self.made += 1;
        let number = self.made;
        (number, placed_at, format!("{{\"orderId\": \"order-{number}\", {members}"))
    }

    /// The next event, to publish in code.
    pub(crate) fn next_event(&mut self) -> NewEvent {
        let (number, _, data) = self.next_order();
        NewEvent::new(SOURCE, TYPE)
            .subject(format!("order-{number}"))
            .data("application/json", data)
    }

    /// Writes the next event as a structured CloudEvent, and returns its id.
    pub(crate) fn write_next(&mut self, out: &mut Vec<u8>) -> Uuid {
        let id = Uuid::now_v7();
        let (number, placed_at, data) = self.next_order();
        out.extend_from_slice(
            format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"{SOURCE}\",\
                 \"type\":\"{TYPE}\",\"subject\":\"order-{number}\",\"time\":\"{placed_at}\",\
                 \"datacontenttype\":\"application/json\",\"data\":{data}}}"
            )
            .as_bytes(),
        );
        id
    }
}

#[cfg(test)]
mod tests {
    use feed_protocol::cloudevents;

    use super::*;

    #[test]
    fn every_line_is_an_event_of_realistic_size() {
        let mut orders = Orders::new();
        assert_eq!(orders.lines.len(), LINES.lines().count());
        let mut bytes = 0;
        for number in 1..=orders.lines.len() {
            let mut text = Vec::new();
            orders.write_next(&mut text);
            let event = cloudevents::read_event(&text).unwrap();
            assert_eq!(event.subject().unwrap().as_str(), format!("order-{number}"));
            bytes += event.data().unwrap().len();
        }
        assert!((800..900).contains(&(bytes / orders.lines.len())));
    }
}
