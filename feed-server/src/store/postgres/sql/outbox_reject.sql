-- outbox_reject: keeps an event that was in the outbox and contradicts what its feed holds
INSERT INTO feed_rejected (
    feed, key, source, id, type, subject, time, datacontenttype, dataschema, extensions, data,
    existing, rejected
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
    $12, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
)
