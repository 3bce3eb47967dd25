-- postgres_insert: one event, into a table like feed_events
INSERT INTO inserted_events (
    feed, position, updated, iri, source, id, type, subject, time,
    datacontenttype, dataschema, extensions, data
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
