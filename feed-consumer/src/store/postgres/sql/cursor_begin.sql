-- cursor_begin: a subscription begins; no row if it has begun already
INSERT INTO feed_cursors (
    group_name, feed, url, incarnation, position,
    last_position, last_source, last_id, last_digest, etag, last_modified, begun, moved
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, present.now, present.now
FROM (SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now) AS present
ON CONFLICT (group_name, feed) DO NOTHING
