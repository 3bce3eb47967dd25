-- postgres_insert_many: many events, into a table like feed_events; an array for each column
INSERT INTO inserted_events (
    feed, position, updated, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data
)
SELECT *
FROM unnest(
    $1::bigint [], $2::bigint [], $3::bigint [], $4::text [], $5::text [], $6::text [], $7::text [],
    $8::text [], $9::text [], $10::text [], $11::text [], $12::text [], $13::bytea []
)
