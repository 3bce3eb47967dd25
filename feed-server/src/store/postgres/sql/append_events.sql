-- append_events: new events, and the new heads of their feeds; an array for each column of the heads, and for each of the events
WITH heads AS (
    UPDATE feed_heads
    SET position = head.position, updated = head.updated
    FROM unnest($1::bigint [], $2::bigint [], $3::bigint []) AS head (feed, position, updated)
    WHERE feed_heads.feed = head.feed
)

INSERT INTO feed_events (
    feed, updated, position, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data
)
SELECT *
FROM unnest(
    $4::bigint [], $5::bigint [], $6::bigint [], $7::text [], $8::text [], $9::text [],
    $10::text [], $11::text [], $12::text [], $13::text [], $14::text [], $15::text [],
    $16::bytea []
)
