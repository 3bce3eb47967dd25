//! The other workers, as far as they are worth a line in the log.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::store::shards::{Beaten, Neighbour, WorkerId};

/// The workers of a subscription at the last beat.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// How many live, this one included; 0 before the first beat.
    workers: u16,
    /// The others, by what people call them.
    others: BTreeMap<WorkerId, String>,
    /// Those that the last change left without.
    gone: BTreeMap<WorkerId, String>,
}

impl Crowd {
    /// Takes in what a beat said, and says what has changed, if anything has.
    pub(super) fn update(&mut self, beaten: &Beaten) -> Option<String> {
        let name = |it: &Neighbour| it.name.clone().unwrap_or_else(|| self.name(&it.id).to_owned());
        let others: BTreeMap<_, _> =
            beaten.neighbours.iter().map(|it| (it.id.clone(), name(it))).collect();
        let workers_before = std::mem::replace(&mut self.workers, beaten.workers);
        if workers_before == beaten.workers && self.others == others {
            return None;
        }
        let joined: Vec<_> = not_among(&self.others, &others);
        self.gone = std::mem::replace(&mut self.others, others);
        self.gone.retain(|id, _| !self.others.contains_key(id));
        if workers_before == 0 {
            return Some(match beaten.workers {
                1 => "registered, the only worker now".to_owned(),
                workers => format!("registered, one of {workers} workers now"),
            });
        }
        let mut said = String::new();
        let gone = self.gone.values().cloned().collect();
        for (what, names) in [("joined", joined), ("gone", gone)] {
            if !names.is_empty() {
                // Writing to a string does not fail.
                let _ = write!(said, "{what}: {}; ", names.join(", "));
            }
        }
        if said.is_empty() {
            said = match workers_before < beaten.workers {
                true => "a worker is heard of again; ",
                false => "a worker has fallen silent; ",
            }
            .to_owned();
        }
        let _ = write!(said, "workers now {}, before {workers_before}", beaten.workers);
        Some(said)
    }

    /// What people call another worker, one that has gone lately too; its id, if it was never
    /// registered here.
    pub(super) fn name<'a>(&'a self, id: &'a WorkerId) -> &'a str {
        self.others.get(id).or_else(|| self.gone.get(id)).unwrap_or(&id.0)
    }
}

/// The names of those that are new.
fn not_among(before: &BTreeMap<WorkerId, String>, now: &BTreeMap<WorkerId, String>) -> Vec<String> {
    let new = now.iter().filter(|(id, _)| !before.contains_key(id));
    new.map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::ShardCount;
    use crate::store::orders::Orders;
    use crate::store::shards::Neighbour;

    #[test]
    fn workers_that_come_and_go_are_said_once() {
        let mut crowd = Crowd::default();
        let mut said = |workers, others: &[&str]| {
            let neighbours = others
                .iter()
                .map(|id| Neighbour {
                    id: WorkerId((*id).to_owned()),
                    identity: None,
                    name: Some(format!("shop:{id}")),
                })
                .collect();
            crowd.update(&Beaten {
                renewed: Vec::new(),
                acquired: Vec::new(),
                share: 1,
                workers,
                neighbours,
                others_lowest: None,
                orders: Orders::none(ShardCount::ONE),
            })
        };
        assert_eq!(said(1, &[]).unwrap(), "registered, the only worker now");
        assert_eq!(said(1, &[]), None);
        assert_eq!(
            said(3, &["a", "b"]).unwrap(),
            "joined: shop:a, shop:b; workers now 3, before 1"
        );
        assert_eq!(said(3, &["a", "b"]), None);
        assert_eq!(
            said(2, &["a", "b"]).unwrap(),
            "a worker has fallen silent; workers now 2, before 3"
        );
        assert_eq!(
            said(2, &["b", "c"]).unwrap(),
            "joined: shop:c; gone: shop:a; workers now 2, before 2"
        );
        assert_eq!(crowd.name(&WorkerId("a".to_owned())), "shop:a");
        assert_eq!(crowd.name(&WorkerId("x".to_owned())), "x");
    }
}
