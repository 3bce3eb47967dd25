-- leases_release: shards are given back, each under its token
UPDATE feed_shards
SET holder = NULL, expires = 0
WHERE
    group_name = ?1
    AND feed = ?2
    AND (shard, token) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3))
