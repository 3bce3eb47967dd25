//! What people see of parked events, and what they ask for.

use super::*;

async fn of_two_requests_about_one_event_the_second_gets_a_conflict(database: Database) {
    let (store, lease, _) = held(&database).await;
    park(&store, lease, &failed(5, None, None)).await;
    let ask = async |who: &str| {
        store.request(&subscription(), at(5), &ParkAction::Retry, who).await.unwrap()
    };
    let (first, second) = tokio::join!(ask("ann"), ask("bob"));
    let (request, loser, winner) = match (&first, &second) {
        (Requested::Asked(request), loser) => (*request, loser, "ann"),
        (loser, Requested::Asked(request)) => (*request, loser, "bob"),
        _ => panic!("{first:?}, {second:?}"),
    };
    assert_eq!(*loser, Requested::Conflict { who: winner.into() });
    let refused = Answer::Refused("not today".into());
    assert!(store.answer(&subscription(), lease, request, &refused).await.unwrap());
    // Its answer may have got lost.
    assert!(store.answer(&subscription(), lease, request, &refused).await.unwrap());
    assert!(matches!(ask("bob").await, Requested::Asked(next) if next > request));
    let nowhere = store.request(&subscription(), at(6), &ParkAction::Retry, "ann").await.unwrap();
    assert_eq!(nowhere, Requested::NotParked);
    let record: Vec<_> = deeds(&store, 5).await.into_iter().map(|it| (it.0, it.2)).collect();
    let asked = (Deed::RetryAsked, String::new());
    assert_eq!(record[1..], [asked.clone(), (Deed::Refused, "not today".into()), asked]);
    // What was not asked left nothing.
    assert!(deeds(&store, 6).await.is_empty());
}

async fn a_request_that_is_taken_makes_the_event_due_as_it_was_edited(database: Database) {
    let (store, lease, _) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(5, Some("order-1"), None)).await;
    let mut parts = event(5, Some("order-1")).event.into_parts();
    parts.data = Some(Bytes::from_static(b"{}"));
    let edited = Event::new(parts).unwrap();
    for action in [ParkAction::Edit(Box::new(edited.clone())), ParkAction::Retry] {
        store.retry_failed(&subscription, lease, at(5), "no", 1, None).await.unwrap();
        let asked = store.request(&subscription, at(5), &action, "ann").await.unwrap();
        let Requested::Asked(id) = asked else { panic!("{asked:?}") };
        let requests = store.requests(&subscription, &[lease.shard]).await.unwrap();
        assert_eq!((&requests[0].action, requests[0].id), (&action, id));
        assert_eq!((requests[0].position, &*requests[0].who), (at(5), "ann"));
        assert!(store.answer(&subscription, lease, id, &Answer::Taken).await.unwrap());
        assert!(store.requests(&subscription, &[lease.shard]).await.unwrap().is_empty());
        // What was edited stays so, beside the original.
        let parked = store.parked(&subscription, at(5)).await.unwrap().unwrap();
        assert_eq!(parked.due, Some(Duration::ZERO));
        assert_eq!(parked.recorded, event(5, Some("order-1")));
        assert_eq!(parked.edited, Some(edited.clone()));
    }
}

async fn what_is_asked_to_be_given_up_stays_so_until_it_is(database: Database) {
    let (store, lease, _) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(5, Some("order-1"), None)).await;
    follow(&store, &[follower(lease, "order-1", 6)]).await;
    let action = ParkAction::Discard { reason: "a test order".into() };
    let asked = store.request(&subscription, at(5), &action, "ann").await.unwrap();
    let Requested::Asked(id) = asked else { panic!("{asked:?}") };
    assert!(store.answer(&subscription, lease, id, &Answer::Taken).await.unwrap());
    assert_eq!(store.requests(&subscription, &[lease.shard]).await.unwrap().len(), 1);
    let discarded = Resolution::Discarded { who: "ann".into(), reason: "a test order".into() };
    let resolved = store.resolve(&subscription, lease, at(5), &discarded).await.unwrap();
    assert_eq!(resolved, Some(Resolved { next: Some(at(6)) }));
    assert!(store.requests(&subscription, &[lease.shard]).await.unwrap().is_empty());
    assert_eq!(store.parked(&subscription, at(5)).await.unwrap(), None);
    let last = (Deed::Discarded, "ann".to_owned(), "a test order".to_owned());
    assert_eq!(deeds(&store, 5).await.pop(), Some(last));
}

async fn parked_events_are_found_by_what_people_know_of_them(database: Database) {
    let (store, lease, _) = held(&database).await;
    for position in 1..=5 {
        let subject = format!("order-{position}");
        let mut parking = failed(position, Some(&subject), None);
        if position > 3 {
            let mut parts = parking.recorded.event.clone().into_parts();
            parts.event_type = "order.paid".parse().unwrap();
            let event = Event::new(parts).unwrap();
            parking.recorded = Arc::new(Recorded { event, ..(*parking.recorded).clone() });
            parking.error = "100% broken".into();
        }
        park(&store, lease, &parking).await;
    }
    let found = async |filter: ParkedFilter| -> Vec<u64> {
        let found = store.list_parked(&subscription(), &filter).await.unwrap();
        found.iter().map(|it| it.recorded.position.get()).collect()
    };
    let all = ParkedFilter { most: 100, ..ParkedFilter::default() };
    assert_eq!(found(all.clone()).await, [1, 2, 3, 4, 5]);
    assert_eq!(found(ParkedFilter { most: 2, after: at(1), ..all.clone() }).await, [2, 3]);
    let positions = vec![at(5), at(2), at(9)];
    assert_eq!(found(ParkedFilter { positions, ..all.clone() }).await, [2, 5]);
    let event_type = Some("order.paid".to_owned());
    assert_eq!(found(ParkedFilter { event_type: event_type.clone(), ..all.clone() }).await, [4, 5]);
    let error = |text: &str| ParkedFilter { error: Some(text.into()), ..all.clone() };
    assert_eq!(found(error("no such")).await, [1, 2, 3]);
    assert_eq!(found(error("0% b")).await, [4, 5]);
    assert!(found(error("0_ b")).await.is_empty());
    let subject = of("order-4");
    assert_eq!(found(ParkedFilter { subject, event_type, ..all.clone() }).await, [4]);
    let older =
        |seconds| ParkedFilter { older_than: Some(Duration::from_secs(seconds)), ..all.clone() };
    assert_eq!(found(older(0)).await.len(), 5);
    assert!(found(older(600)).await.is_empty());
}

async fn a_repair_hook_is_counted_before_it_is_asked_and_not_beside_a_person(database: Database) {
    let (store, lease, _) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(5, Some("order-1"), Some(600))).await;
    let begin = async |position, most| {
        let begun = store.begin_repair(&subscription, at(position), most).await.unwrap();
        begun.map(|it| (it.recorded.position.get(), it.repairs))
    };
    assert_eq!(begin(4, 2).await, None);
    assert_eq!(begin(5, 2).await, Some((5, 1)));
    // A hook that is asked may ask for something itself, as a person does.
    let asked = store.request(&subscription, at(5), &ParkAction::Retry, "hook").await.unwrap();
    let Requested::Asked(request) = asked else { panic!("{asked:?}") };
    assert_eq!(begin(5, 2).await, None);
    assert!(store.answer(&subscription, lease, request, &Answer::Taken).await.unwrap());
    assert_eq!(begin(5, 2).await, Some((5, 2)));
    store.leave_to_person(&subscription, at(5), "hook", "no such customer\0").await.unwrap();
    assert_eq!(begin(5, 2).await, None);
    let parked = store.parked(&subscription, at(5)).await.unwrap().unwrap();
    assert_eq!((parked.repairs, parked.retries), (2, 0));
    let left = deeds(&store, 5).await.pop().unwrap();
    assert_eq!(left, (Deed::Left, "hook".into(), "no such customer\u{fffd}".into()));
    handled(&store, lease, 5).await;
    assert_eq!(begin(5, 9).await, None);
}

async fn of_hooks_that_ask_at_once_each_is_counted(database: Database) {
    let (store, lease, _) = held(&database).await;
    park(&store, lease, &failed(5, None, None)).await;
    let mut hooks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let database = database.clone();
        hooks.spawn(async move {
            let store = database.open().await;
            store.begin_repair(&subscription(), at(5), 4).await.unwrap().map(|it| it.repairs)
        });
    }
    let mut counted: Vec<_> = hooks.join_all().await.into_iter().flatten().collect();
    counted.sort_unstable();
    assert_eq!(counted, [1, 2, 3, 4]);
}

promises! {
    of_two_requests_about_one_event_the_second_gets_a_conflict,
    a_request_that_is_taken_makes_the_event_due_as_it_was_edited,
    what_is_asked_to_be_given_up_stays_so_until_it_is,
    a_repair_hook_is_counted_before_it_is_asked_and_not_beside_a_person,
    of_hooks_that_ask_at_once_each_is_counted,
    parked_events_are_found_by_what_people_know_of_them,
}
