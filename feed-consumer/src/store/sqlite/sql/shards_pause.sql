-- shards_pause: shards are paused, all if none are named; a row for each that was not
UPDATE feed_shards
SET paused = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000, paused_by = ?4, pause_reason = ?5
WHERE
    group_name = ?1
    AND feed = ?2
    AND paused IS NULL
    AND (json_array_length(?3) = 0 OR shard IN (SELECT value FROM json_each(?3)))
RETURNING shard
