-- shards_resume: shards are paused no more, all if none are named; a row for each that was
UPDATE feed_shards
SET paused = NULL, paused_by = NULL, pause_reason = NULL
WHERE
    group_name = $1
    AND feed = $2
    AND paused IS NOT NULL
    AND (cardinality($3::bigint []) = 0 OR shard = any($3))
RETURNING shard
