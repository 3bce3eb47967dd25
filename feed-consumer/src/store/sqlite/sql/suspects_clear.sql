-- suspects_clear: shards have no suspects any more, each under its token
UPDATE feed_shards
SET suspects = 0, tried = NULL, alone = 0
WHERE
    group_name = ?1
    AND feed = ?2
    AND (shard, token) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3))
