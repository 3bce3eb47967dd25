-- leases_renew: a worker's leases last on, each if the shard is still its own under that token
UPDATE feed_shards
SET expires = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 + ?4
WHERE
    group_name = ?1
    AND feed = ?2
    AND holder = ?3
    AND (shard, token) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?5))
