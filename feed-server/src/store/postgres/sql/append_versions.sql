-- append_versions: how many events subjects have; $1 feeds, $2 subjects
SELECT
    wanted.number - 1,
    (
        SELECT count(*)
        FROM feed_events AS event
        WHERE event.feed = wanted.feed AND event.subject = wanted.subject
    )
FROM unnest($1::bigint [], $2::text []) WITH ORDINALITY AS wanted (feed, subject, number)
