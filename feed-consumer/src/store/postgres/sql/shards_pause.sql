-- shards_pause: shards are paused, all if none are named; a row for each that was not
UPDATE feed_shards
SET paused = CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint), paused_by = $4, pause_reason = $5
WHERE
    group_name = $1
    AND feed = $2
    AND paused IS NULL
    AND (cardinality($3::bigint []) = 0 OR shard = any($3))
RETURNING shard
