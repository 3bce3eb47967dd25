//! What handlers have done outside the database.

use super::leases::Hand;
use super::parking::at;
use super::shards::cut;
use super::*;
use crate::store::once::Before;
use crate::store::shards::Lease;

async fn what_was_begun_and_what_was_done_is_known_to_the_next(database: Database) {
    let store = cut(&database, 0, 2).await;
    let subscription = subscription();
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let [one, two] = hand.leases().try_into().unwrap();
    let begin = async |lease: Lease, key: &str| {
        store.once_begin(&subscription, lease, at(5), key).await.unwrap()
    };
    assert_eq!(begin(one, "mail").await, Some(Before::Nothing));
    assert_eq!(begin(one, "mail").await, Some(Before::Begun));
    // A key is the group's and the feed's, whatever the shard.
    assert_eq!(begin(two, "mail").await, Some(Before::Begun));
    assert!(store.once_done(&subscription, two, "mail").await.unwrap());
    assert!(store.once_done(&subscription, two, "mail").await.unwrap());
    assert_eq!(begin(one, "mail").await, Some(Before::Done));
    assert_eq!(begin(one, "bill").await, Some(Before::Nothing));

    // Under an old token nothing is noted.
    store.bury(&hand.id()).await.unwrap();
    let mut other = Hand::new("b");
    other.beats(&store).await;
    assert_eq!(begin(one, "call").await, None);
    assert!(!store.once_done(&subscription, one, "bill").await.unwrap());
    let lease = other.leases()[0];
    assert_eq!(begin(lease, "call").await, Some(Before::Nothing));
    assert_eq!(begin(lease, "bill").await, Some(Before::Begun));
    assert_eq!(begin(lease, "mail").await, Some(Before::Done));

    // Nothing of it is left of a subscription that is forgotten.
    assert!(store.forget(&subscription, &place(0)).await.unwrap());
    let store = cut(&database, 0, 2).await;
    other.beats(&store).await;
    let begun = store.once_begin(&subscription, other.leases()[0], at(5), "mail");
    assert_eq!(begun.await.unwrap(), Some(Before::Nothing));
}

promises! { what_was_begun_and_what_was_done_is_known_to_the_next }
