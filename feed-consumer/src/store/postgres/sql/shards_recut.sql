-- shards_recut: so many shards, each standing at one place under one token, and paused if they are to be
INSERT INTO feed_shards (
    group_name, feed, shard, token, paused, paused_by, pause_reason, moved,
    position, last_position, last_source, last_id, last_digest, etag, last_modified
)
SELECT
    $1, $2, numbers.shard, $4, $5, $6, $7,
    CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    $8, $9, $10, $11, $12, $13, $14
FROM generate_series(0, $3::bigint - 1) AS numbers (shard)
