-- append_events: new events, and the new heads of their feeds; an array for each column, and for each column of the heads
WITH heads AS (
    UPDATE feed_feeds
    SET head_position = head.position, head_updated = head.updated
    FROM unnest($14::bigint [], $15::bigint [], $16::bigint []) AS head (feed, position, updated)
    WHERE feed_feeds.key = head.feed
)

INSERT INTO feed_events (
    feed, position, updated, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data
)
SELECT *
FROM unnest(
    $1::bigint [], $2::bigint [], $3::bigint [], $4::text [], $5::text [], $6::text [], $7::text [],
    $8::text [], $9::text [], $10::text [], $11::text [], $12::text [], $13::bytea []
)
