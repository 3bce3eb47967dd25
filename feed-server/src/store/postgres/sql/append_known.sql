-- append_known: which events of an append have an id that their feed holds already, and where the one of the same source stands; $1 feeds, $2 ids, $3 sources. LATERAL and LIMIT keep it to one look at an index for each
SELECT
    wanted.number - 1,
    (
        SELECT event.position
        FROM feed_events AS event
        WHERE event.feed = wanted.feed AND event.id = wanted.id AND event.source = wanted.source
    )
FROM unnest($1::bigint [], $2::text [], $3::text []) WITH ORDINALITY AS wanted (feed, id, source, number)
CROSS JOIN LATERAL (
    SELECT 1
    FROM feed_events AS event
    WHERE event.feed = wanted.feed AND event.id = wanted.id
    LIMIT 1
) AS taken
