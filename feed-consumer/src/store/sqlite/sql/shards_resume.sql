-- shards_resume: shards are paused no more, all if none are named; a row for each that was
UPDATE feed_shards
SET paused = NULL, paused_by = NULL, pause_reason = NULL
WHERE
    group_name = ?1
    AND feed = ?2
    AND paused IS NOT NULL
    AND (json_array_length(?3) = 0 OR shard IN (SELECT value FROM json_each(?3)))
RETURNING shard
